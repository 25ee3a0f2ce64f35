import HTTPServer
import NIOHTTP1

/// Where the calls of the compatible API count.
struct CompatibleRoutes: Sendable {
    private let routes: [CompatibleCommand: (post: RouteFigures, get: RouteFigures)]

    init(_ figures: HTTPFigures) {
        routes = CompatibleCommand.allCases.reduce(into: [:]) { routes, command in
            let path = "/v4/\(command.rawValue)"
            routes[command] = (figures.route(.POST, path), figures.route(.GET, path))
        }
    }

    /// nil for what is no call of it.
    func figures(_ method: HTTPMethod, _ command: CompatibleCommand?) -> RouteFigures? {
        guard let route = command.flatMap({ routes[$0] }) else { return nil }
        return switch method {
        case .POST: route.post
        case .GET: route.get
        default: nil
        }
    }
}
