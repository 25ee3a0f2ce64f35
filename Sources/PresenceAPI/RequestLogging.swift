import Hummingbird
import Logging
import PresenceCore
import PresenceStore

/// One line per request when debugging: the path without its query, which can hold a usersig.
struct RequestLogging: RouterMiddleware {
    typealias Context = PresenceAPI.Context

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let response = try await next(request, context)
        context.logger.debug(
            "request",
            metadata: [
                "method": "\(request.method)", "path": "\(request.uri.path)", "status": "\(response.status.code)",
            ])
        return response
    }
}

extension Logger {
    /// A bulk query left this user out.
    func unreadableRecord(of user: UserID, _ reason: StoreError) {
        error(
            "A record cannot be read; see what stands under the user's key",
            metadata: ["user": "\(user)", "error": "\(reason)"])
    }
}
