import HTTPServer
import NIOHTTP1
import PresenceCore
import PresenceStore
import UserSig

// What backends tell about their clients.

extension PresenceAPI {
    func login(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let body = try request.json(as: LoginRequest.self)
        let user = try UserID(body.user)
        let answer = try await store.login(
            user,
            platform: store.platforms.platform(named: body.platform),
            instance: body.instance.map { try InstanceID($0) } ?? .unnamed,
            details: body.details(),
            userSigIssuedAtMs: body.userSig.map { try userSig($0, of: user).issuedAt * 1_000 }, cause: request.cause)
        switch answer {
        case .accepted(let login): return .json(login, status: .created)
        case .late: preconditionFailure("only what names its attempt is late")
        case .rejected(let inTheWay):
            var problem = Problem(.loginRejected, "Log one of these sessions out, or kick it, and log in again.")
            problem.sessions = inTheWay
            throw problem
        case .revoked: throw Problem(.invalidUserSig, "The usersig was issued before a kick; issue a new one.")
        }
    }

    private func userSig(_ text: String, of user: UserID) throws -> UserSig {
        guard let app = credentials.current.compatible?.app else {
            throw InvalidInput(
                field: "userSig", message: "cannot be checked: configure app.id and app.secret-key, or leave it out")
        }
        return try app.verify(text, of: user.rawValue)
    }

    func heartbeats(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let body = try request.json(as: HeartbeatsRequest.self)
        try body.checkCount()
        let answer = await store.heartbeat(body.sessions)
        if let failed = answer.failed.first, answer.failed.count == body.sessions.count { throw failed.error }
        return .json(
            HeartbeatsResponse(
                renewed: body.sessions.count - answer.gone.count - answer.failed.count, gone: answer.gone,
                errors: answer.failed.map { .init(session: $0.session) }))
    }

    func disconnect(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let named = try namedSession(in: request)
        return .json(try await store.disconnect(named.user, session: named.session, cause: request.cause))
    }

    func logout(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let named = try namedSession(in: request)
        return .json(try await store.logout(named.user, session: named.session, cause: request.cause))
    }

    private func namedSession(in request: HTTPServerRequest) throws -> UserSession {
        try request.json(as: UserSession.self)
    }
}
