import PresenceCore

// What backends of the compatible API send.

struct CompatibleQueryRequest: Decodable {
    var accounts: [String]
    var needsDetail: Flag?

    enum CodingKeys: String, CodingKey {
        case accounts = "To_Account"
        case needsDetail = "IsNeedDetail"
    }

    func checkCount() throws(CompatibleFailure) {
        guard !accounts.isEmpty else {
            throw CompatibleFailure(.queryBody, "Name at least one account in To_Account.")
        }
        guard accounts.count <= APILimits.usersPerQueryMax else {
            throw CompatibleFailure(
                .queryTooManyAccounts, "Name at most \(APILimits.usersPerQueryMax) accounts in To_Account.")
        }
    }

    /// `1` or `0`; some clients write `true` or `false`.
    struct Flag: Decodable {
        let isSet: Bool

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            isSet = try (try? container.decode(Bool.self)) ?? (container.decode(Int.self) != 0)
        }
    }
}

struct CompatibleKickRequest: Decodable {
    var id: String?
    var legacyID: String?

    enum CodingKeys: String, CodingKey {
        case id = "UserID"
        case legacyID = "Identifier"
    }

    func user() throws(InvalidInput) -> UserID {
        guard let id = id ?? legacyID else { throw InvalidInput(field: "UserID", message: "is required") }
        return try UserID(id, field: "UserID")
    }
}

struct CompatibleAccountCheckRequest: Decodable {
    struct Item: Decodable {
        var id: String

        enum CodingKeys: String, CodingKey {
            case id = "UserID"
        }
    }

    var items: [Item]

    enum CodingKeys: String, CodingKey {
        case items = "CheckItem"
    }

    func checkCount() throws(InvalidInput) {
        guard (1...APILimits.accountsPerCheckMax).contains(items.count) else {
            throw InvalidInput(field: "CheckItem", message: "must be 1 to \(APILimits.accountsPerCheckMax) accounts")
        }
    }
}
