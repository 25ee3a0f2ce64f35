import Hummingbird
import Logging

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

/// Takes the body off every answer to HEAD, problems included: a client would take it for the next answer.
struct HeadResponses: RouterMiddleware {
    typealias Context = PresenceAPI.Context

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let response = try await next(request, context)
        return request.method == .head ? response.createHeadResponse() : response
    }
}
