import JSON
import PresenceCore

// What backends of the compatible API send.

struct CompatibleQueryRequest: JSONReadable {
    static let accountsField = "To_Account"

    var accounts: [String]
    var needsDetail = false

    init(from json: inout JSONReader) throws(JSONError) {
        var accounts: [String]?
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case Self.accountsField: accounts = try json.strings()
            case "IsNeedDetail": needsDetail = try Self.flag(&json)
            default: try json.skip()
            }
        }
        self.accounts = try json.required(accounts, Self.accountsField)
    }

    /// `1` or `0`; some clients write `true` or `false`.
    private static func flag(_ json: inout JSONReader) throws(JSONError) -> Bool {
        if try json.nextKind() == .number { return try json.int() != 0 }
        return try json.boolOrNull() ?? false
    }

    func checkCount() throws(CompatibleFailure) {
        guard !accounts.isEmpty else {
            throw CompatibleFailure(.queryBody, "Name at least one account in \(Self.accountsField).")
        }
        guard accounts.count <= APILimits.usersPerQueryMax else {
            throw CompatibleFailure(
                .queryTooManyAccounts,
                "Name at most \(APILimits.usersPerQueryMax) accounts in \(Self.accountsField).")
        }
    }
}

struct CompatibleKickRequest: JSONReadable {
    var id: String?
    /// By its name of earlier years.
    var legacyID: String?

    init(from json: inout JSONReader) throws(JSONError) {
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "UserID": id = try json.stringOrNull()
            case "Identifier": legacyID = try json.stringOrNull()
            default: try json.skip()
            }
        }
    }

    func user() throws(InvalidInput) -> UserID {
        guard let id = id ?? legacyID else { throw InvalidInput(field: "UserID", message: "is required") }
        return try UserID(id, field: "UserID")
    }
}

struct CompatibleAccountCheckRequest: JSONReadable {
    struct Item: JSONReadable {
        var id: String

        init(from json: inout JSONReader) throws(JSONError) {
            var id: String?
            try json.beginObject()
            while let name = try json.nextMember() {
                if name == "UserID" { id = try json.string() } else { try json.skip() }
            }
            self.id = try json.required(id, "UserID")
        }
    }

    var items: [Item]

    init(from json: inout JSONReader) throws(JSONError) {
        var items: [Item]?
        try json.beginObject()
        while let name = try json.nextMember() {
            if name == "CheckItem" { items = try json.array(of: Item.self) } else { try json.skip() }
        }
        self.items = try json.required(items, "CheckItem")
    }

    func checkCount() throws(InvalidInput) {
        guard (1...APILimits.accountsPerCheckMax).contains(items.count) else {
            throw InvalidInput(field: "CheckItem", message: "must be 1 to \(APILimits.accountsPerCheckMax) accounts")
        }
    }
}
