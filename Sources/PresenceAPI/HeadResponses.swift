import Hummingbird

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
