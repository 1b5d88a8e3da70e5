"""Records of the audit feed."""

from datetime import UTC, datetime

AT = datetime(2026, 8, 3, 8, 41, 17, tzinfo=UTC)


CLIENT, OBJECT = "2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77", "7a000000-1111-4222-8333-94a5b6c7d8e9"


OTHER = "c0ffee00-1234-4567-89ab-000000000001"


def raw(**fields):
    return {
        "CreationTime": "2026-08-03T08:41:17",
        "Id": "4be3a1c2-7777-4888-9999-08deb2a8d101",
        "Operation": "Set-InboundConnector",
        "RecordType": 1,
        "ResultStatus": "True",
        "UserKey": "10032001ABCDEF01",
        "ClientIP": "203.0.113.9:51544",
        "ObjectId": "ExchangeDefender",
        "UserId": "admin@contoso.example",
        "AppAccessContext": {},
        "AppId": "fb78d390-0c51-40cd-8e17-fdbfab77341b",
        "Parameters": [{"Name": "Identity", "Value": "ExchangeDefender"}, {"Name": "Enabled", "Value": "False"}],
    } | fields
