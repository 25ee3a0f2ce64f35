import Hummingbird
import Logging

/// Answers every error with a problem. Our own faults are logged as errors, callers' only when debugging.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = PresenceAPI.Context

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            return Self.noRoute(for: request).response
        } catch {
            let problem = Problem(error)
            context.logger.log(
                level: problem.code == .internalError ? .error : .debug, "call failed",
                metadata: [
                    "code": "\(problem.code.rawValue)", "detail": "\(problem.detail)",
                    "error": problem.underlying.map { "\($0)" } ?? "none",
                ])
            return problem.response
        }
    }

    /// No route fits: either the path is unknown, or it takes other methods.
    private static func noRoute(for request: Request) -> Problem {
        let methods = PresenceAPI.routes.filter { $0.matches(request.uri.path) }.map(\.method)
        guard !methods.isEmpty else { return Problem(.notFound, "See /openapi.json for the paths there are.") }
        var problem = Problem(.methodNotAllowed, "See the `Allow` header for the methods this path takes.")
        problem.allowed = methods.contains(.get) ? methods + [.head] : methods
        return problem
    }
}
