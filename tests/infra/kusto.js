// Compiles queries by Kusto's language service: JSON {tables: {name: schema}, queries: [..]} in, what is wrong with each out.
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const service = path.join(__dirname, "..", "..", "node_modules", "@kusto", "language-service-next");
for (const file of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  vm.runInThisContext(fs.readFileSync(path.join(service, file), "utf8"), { filename: file }); // they make globals
}
const { Diagnostic, GlobalState, KustoCode, Symbols } = Kusto.Language;

const { tables, queries } = JSON.parse(fs.readFileSync(0, "utf8"));
const known = Object.entries(tables).map(([name, schema]) => Symbols.TableSymbol.From(schema).WithName(name));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("workspace", known));

const wrong = (query) => {
  const found = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: System.Array.getCount(found, Diagnostic) }, (_, at) => System.Array.getItem(found, at, Diagnostic).Message);
};
process.stdout.write(JSON.stringify(queries.map(wrong)));
