import Foundation
import Hummingbird
import PresenceCore
import PresenceStore

// What backends ask about users, and order.

extension PresenceAPI {
    func user(_ request: Request, _ context: Context) async throws -> Response {
        let user = try user(in: context)
        guard let presence = try await store.presence(of: [user]).first else {
            preconditionFailure("The store answers for every user it is asked about")
        }
        return .json(UserResponse(presence: presence, withSessions: true))
    }

    func kick(_ request: Request, _ context: Context) async throws -> Response {
        let user = try user(in: context)
        let body = try await request.json(as: KickRequest.self, bytesMax: options.bodyBytesMax, absent: KickRequest())
        let answer = try await store.kick(
            user,
            platform: body.platform.map { try store.platforms.platform(named: $0) },
            instance: body.instance.map { try InstanceID($0) },
            note: body.note())
        return .json(answer)
    }

    /// One answer per id, in the order given; ids that can name no user are told apart.
    func statuses(_ request: Request, _ context: Context) async throws -> Response {
        let body = try await request.json(as: StatusesRequest.self, bytesMax: options.bodyBytesMax)
        try body.checkCount()
        var users: [UserID] = []
        var errors: [StatusesResponse.Refused] = []
        for id in body.users {
            if let user = try? UserID(id) { users.append(user) } else { errors.append(.init(user: id)) }
        }
        let withSessions = body.detail ?? false
        let results = try await store.presence(of: users)
            .map { UserResponse(presence: $0, withSessions: withSessions) }
        return .json(StatusesResponse(results: results, errors: errors))
    }

    /// The router works on the path as sent, so `%2F` is part of an id, and decoding is left to us.
    private func user(in context: Context) throws -> UserID {
        guard let id = context.parameters.get("user")?.removingPercentEncoding else {
            throw InvalidInput(field: "user", message: "must be percent-encoded UTF-8")
        }
        return try UserID(id)
    }
}
