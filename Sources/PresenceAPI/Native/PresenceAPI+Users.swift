import HTTPServer
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
        let answer = try await store.kick(
            user,
            platform: body.platform.map { try store.platforms.platform(named: $0) },
            instance: body.instance.map { try InstanceID($0) },
            note: body.note())
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
        let withSessions = body.detail ?? false
        var results: [UserResponse] = []
        results.reserveCapacity(users.count)
        for (user, presence) in zip(users, try await store.presences(of: users)) {
            switch presence {
            case .success(let presence): results.append(UserResponse(presence: presence, withSessions: withSessions))
            case .failure(let error):
                logger.unreadableRecord(of: user, error)
                errors.append(.init(user: user.rawValue, .unreadableRecord))
            }
        }
        return .json(StatusesResponse(results: results, errors: errors))
    }

    /// The router works on the path as sent, so `%2F` is part of an id, and decoding is left to us.
    private func user(in request: HTTPServerRequest) throws -> UserID {
        guard let id = request.parameters.first.flatMap({ String(percentEncoded: $0.utf8) }) else {
            throw InvalidInput(field: "user", message: "must be percent-encoded UTF-8")
        }
        return try UserID(id)
    }
}
