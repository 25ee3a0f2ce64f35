import HTTPServer
import JSON
import Logging
import Logs
import PresenceCore
import PresenceStore

extension CompatibleAPI {
    /// The status of each account in the order given, an account given twice twice; those that can name no user are
    /// listed apart, as are those whose record cannot be read. Nobody is unknown: who never logged in is Offline.
    func query(_ request: HTTPServerRequest) async throws -> CompatibleMembers {
        let body = try request.json(as: CompatibleQueryRequest.self)
        try body.checkCount()
        var users: [UserID] = []
        var failed: [CompatibleFailedAccount] = []
        for account in body.accounts {
            if let user = try? UserID(account) {
                users.append(user)
            } else {
                failed.append(.init(account: account, code: .queryAccounts))
            }
        }
        var results: [CompatibleStatus] = []
        results.reserveCapacity(users.count)
        for (user, presence) in zip(users, try await store.presences(of: users).unlessNobodyCouldBeAsked()) {
            switch presence {
            case .success(let presence):
                results.append(CompatibleStatus(presence: presence, withDetail: body.needsDetail))
            case .failure(let error):
                if error.code == .corrupt { logger.unreadableRecord(of: user, error, in: request) }
                failed.append(.init(account: user.rawValue, code: .queryFailed))
            }
        }
        return { [results, failed] in
            $0.member("QueryResult", results)
            $0.member("ErrorList", failed)
        }
    }

    /// Ends all sessions of the user, and every usersig issued so far.
    ///
    /// A usersig tells the second it was issued in, so those of the kick's own second are all revoked. The answer
    /// comes a second later: a usersig issued after it is newer.
    func kick(_ request: HTTPServerRequest, by caller: String) async throws -> CompatibleMembers {
        let body = try request.json(as: CompatibleKickRequest.self)
        let user = try body.user()
        _ = try await logger.audited(
            .kick, by: caller, request, [.user: "\(user)"], count: \.kicked.count
        ) { () throws(StoreError) in
            try await store.kick(user, revokingUserSigs: true, cause: request.cause)
        }
        try await Task.sleep(for: .seconds(1))
        return { _ in }
    }

    /// There is no table of accounts: every id that can name a user counts as imported.
    func accountCheck(_ request: HTTPServerRequest) throws -> CompatibleMembers {
        let body = try request.json(as: CompatibleAccountCheckRequest.self)
        try body.checkCount()
        return { $0.member("ResultItem", body.items.map { CompatibleAccount(id: $0.id) }) }
    }
}
