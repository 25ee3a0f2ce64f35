import HTTPServer
import Logging
import Logs
import PresenceCore
import PresenceStore

// What backends ask about users, and order.

extension PresenceAPI {
    func user(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let presence = try await store.presence(of: user(in: request))
        return .json(UserResponse(presence: presence, withSessions: true))
    }

    func kick(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let user = try user(in: request)
        let body = try request.json(as: KickRequest.self, absent: KickRequest())
        let instance = try body.instance.map { try InstanceID($0) }
        let note = try body.note()
        var platform: Platform?
        if let name = body.platform { platform = try await store.platform(name, ofSessionsOf: user) }
        let answer = try await logger.audited(
            .kick, by: request.caller ?? "unknown", request,
            [
                .user: "\(user)", .platform: "\(platform?.name ?? "all")",
                .instance: "\(instance?.rawValue ?? "all")", .reason: "\(note ?? "none")",
            ], count: \.kicked.count
        ) { () throws(StoreError) in
            try await store.kick(user, platform: platform, instance: instance, note: note, cause: request.cause)
        }
        return .json(answer)
    }

    /// One answer per id, in the order given; ids that can name no user, and users whose record cannot be read, are
    /// told apart.
    func statuses(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let body = try request.json(as: StatusesRequest.self)
        try body.checkCount()
        var users: [UserID] = []
        var errors: [StatusesResponse.Failed] = []
        for id in body.users {
            if let user = try? UserID(id) { users.append(user) } else { errors.append(.init(user: id, .invalidUser)) }
        }
        let presences = try await store.presences(of: users).unlessNobodyCouldBeAsked()
        var answer = statuses(of: zip(users, presences), withSessions: body.detail ?? false, request)
        answer.errors = errors + answer.errors
        return .json(answer)
    }

    /// What is known of users, and of whom nothing could be learned.
    func statuses(
        of users: some Sequence<(UserID, Result<UserPresence, StoreError>)>, withSessions: Bool,
        _ request: HTTPServerRequest
    ) -> StatusesResponse {
        var errors: [StatusesResponse.Failed] = []
        var results: [UserResponse] = []
        results.reserveCapacity(users.underestimatedCount)
        for (user, presence) in users {
            switch presence {
            case .success(let presence): results.append(UserResponse(presence: presence, withSessions: withSessions))
            case .failure(let error) where error.code == .corrupt:
                logger.unreadableRecord(of: user, error, in: request)
                errors.append(.init(user: user.rawValue, .unreadableRecord))
            case .failure: errors.append(.init(user: user.rawValue, .unavailable))
            }
        }
        return StatusesResponse(results: results, errors: errors)
    }

    /// The router works on the path as sent, so `%2F` is part of an id, and decoding is left to us.
    func user(in request: HTTPServerRequest) throws -> UserID {
        guard let id = request.parameters.first.flatMap({ String(percentEncoded: $0.utf8) }) else {
            throw InvalidInput(field: "user", message: "must be percent-encoded UTF-8")
        }
        return try UserID(id)
    }
}
