// Azurite finds a row by going through its whole partition, and answers a query by going through its whole table: with
// the ledger of ten thousand tenants, a tenth of a second each. Microsoft's tables have an index over both keys; so has
// Azurite's store (indices PartitionKey and RowKey of each table's collection), and this makes it use them.
"use strict";

const path = require("node:path");

/** Have the Azurite whose entry file is *script* use its store's indices. */
module.exports = function useIndices(script) {
  const { Collection } = require(require.resolve("lokijs", { paths: [script] }));
  const { default: Tables } = require(path.join(path.dirname(script), "table/persistence/LokiTableMetadataStore.js"));

  const { findOne } = Collection.prototype;
  Collection.prototype.findOne = function (query) {
    const { PartitionKey, RowKey } = query;
    if (PartitionKey === undefined || RowKey === undefined) return findOne.call(this, query);
    // The store uses the index of the key that it is asked for first: that should be the one that fewer rows have.
    const having = (key) => {
      const [first, last] = this.calculateRange("$eq", key, query[key]);
      return last - first;
    };
    const rowFirst = having("RowKey") < having("PartitionKey");
    return findOne.call(this, rowFirst ? { RowKey, PartitionKey } : { PartitionKey, RowKey });
  };

  const { queryTableEntities } = Tables.prototype;
  Tables.prototype.queryTableEntities = function (context, account, table, options, ...after) {
    const PartitionKey = partitionOf(options.filter);
    if (PartitionKey === undefined) return queryTableEntities.call(this, context, account, table, options, ...after);
    const narrowed = Object.create(this);
    narrowed.getEntityCollection = (...which) => {
      const collection = this.getEntityCollection(...which);
      return { chain: () => collection.chain().find({ PartitionKey }) };
    };
    return queryTableEntities.call(narrowed, context, account, table, options, ...after);
  };
};

/** The partition to which *filter* (OData) holds every row that it takes; undefined where it names none. */
function partitionOf(filter = "") {
  const named = /^PartitionKey eq '((?:[^']|'')*)'(?= and |$)/.exec(filter);
  if (!named) return undefined;
  let rest = filter.slice(named[0].length).replace(/'(?:[^']|'')*'/g, "''");
  while (rest !== (rest = rest.replace(/\([^()]*\)/g, "")));
  return / or /i.test(rest) ? undefined : named[1].replaceAll("''", "'");
}
