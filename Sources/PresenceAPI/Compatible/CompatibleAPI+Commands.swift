import Hummingbird
import PresenceCore
import PresenceStore

extension CompatibleAPI {
    /// The status of each account in the order given, an account given twice twice; those that can name no user are
    /// listed apart. Nobody is unknown: who never logged in is Offline.
    func query(_ request: Request) async throws -> CompatibleMembers {
        let body = try await request.json(as: CompatibleQueryRequest.self, bytesMax: bodyBytesMax)
        try body.checkCount()
        var users: [UserID] = []
        var refused: [CompatibleRefusedAccount] = []
        for account in body.accounts {
            if let user = try? UserID(account) { users.append(user) } else { refused.append(.init(account: account)) }
        }
        let withDetail = body.needsDetail?.isSet ?? false
        let results = try await store.presence(of: users)
            .map { CompatibleStatus(presence: $0, withDetail: withDetail) }
        return {
            $0.member("QueryResult", results)
            $0.member("ErrorList", refused)
        }
    }

    /// Ends all sessions of the user, and every usersig issued so far.
    ///
    /// A usersig tells the second it was issued in, so those of the kick's own second are all revoked. The answer
    /// comes a second later: a usersig issued after it is newer.
    func kick(_ request: Request) async throws -> CompatibleMembers {
        let body = try await request.json(as: CompatibleKickRequest.self, bytesMax: bodyBytesMax)
        _ = try await store.kick(body.user(), revokingUserSigs: true)
        try await Task.sleep(for: .seconds(1))
        return { _ in }
    }

    /// There is no table of accounts: every id that can name a user counts as imported.
    func accountCheck(_ request: Request) async throws -> CompatibleMembers {
        let body = try await request.json(as: CompatibleAccountCheckRequest.self, bytesMax: bodyBytesMax)
        try body.checkCount()
        return { $0.member("ResultItem", body.items.map { CompatibleAccount(id: $0.id) }) }
    }
}
