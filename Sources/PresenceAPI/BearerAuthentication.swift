import Crypto
import Hummingbird

/// Lets only callers in that show one of the keys; everybody when there are none.
///
/// Digests are compared, in constant time and always all of them: how long a refusal takes tells
/// nothing about the keys.
struct BearerAuthentication: RouterMiddleware {
    typealias Context = PresenceAPI.Context

    private let digests: [SHA256.Digest]

    init(keys: [String]) {
        digests = keys.map(Self.digest)
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard accepts(request.headers[.authorization]) else {
            throw Problem(.unauthorized, "Send one of the service's keys as `Authorization: Bearer <key>`.")
        }
        return try await next(request, context)
    }

    func accepts(_ authorization: String?) -> Bool {
        if digests.isEmpty { return true }
        let parts = (authorization ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return false }
        let shown = Self.digest(parts[1])
        return digests.count { $0 == shown } > 0
    }

    private static func digest(_ key: some StringProtocol) -> SHA256.Digest {
        SHA256.hash(data: Array(key.utf8))
    }
}
