import NIOHTTP1

/// A table of routes, each a method and a path in which `{name}` stands for one segment.
///
/// Works on paths as they were sent: an encoded slash is part of its segment, and nothing is trimmed or folded. `HEAD`
/// is served wherever `GET` is.
package struct HTTPRouter: Sendable {
    package enum Match {
        /// - Parameter route: its place among the routes the router was made with.
        case found(route: Int, parameters: [Substring])
        /// The path takes other methods.
        case methodNotAllowed([HTTPMethod])
        case notFound
    }

    fileprivate struct Method {
        var method: HTTPMethod
        var route: Int
    }

    fileprivate struct Template {
        /// nil stands for any.
        var segments: [Substring?]
        var methods: [Method]
    }

    private var plain: [Substring: [Method]] = [:]
    private var templates: [Template] = []

    package init(_ routes: [(method: HTTPMethod, path: String)]) {
        for (index, route) in routes.enumerated() {
            let (method, path) = (Method(method: route.method, route: index), route.path[...])
            guard path.contains("{") else {
                plain[path, default: []].append(method)
                continue
            }
            let segments = path.split(separator: "/", omittingEmptySubsequences: false)
                .map { $0.hasPrefix("{") ? nil : $0 }
            if let index = templates.firstIndex(where: { $0.segments == segments }) {
                templates[index].methods.append(method)
            } else {
                templates.append(Template(segments: segments, methods: [method]))
            }
        }
    }

    package func match(_ method: HTTPMethod, _ path: Substring) -> Match {
        if let methods = plain[path] { return Self.match(method, among: methods, []) }
        let segmentCount = 1 + path.utf8.count { $0 == UInt8(ascii: "/") }
        for template in templates where template.segments.count == segmentCount {
            if let parameters = template.parameters(in: path) {
                return Self.match(method, among: template.methods, parameters)
            }
        }
        return .notFound
    }

    private static func match(
        _ method: HTTPMethod, among methods: [Method], _ parameters: [Substring]
    ) -> Match {
        let found =
            methods.first { $0.method == method } ?? (method == .HEAD ? methods.first { $0.method == .GET } : nil)
        if let found { return .found(route: found.route, parameters: parameters) }
        let allowed = methods.map(\.method)
        return .methodNotAllowed(allowed.contains(.GET) && !allowed.contains(.HEAD) ? allowed + [.HEAD] : allowed)
    }
}

extension HTTPRouter.Template {
    /// What stands in the places of names; nil if it is another path. A name stands for something.
    /// - Parameter path: has as many segments.
    fileprivate func parameters(in path: Substring) -> [Substring]? {
        var parameters: [Substring] = []
        var rest = path.utf8
        for segment in segments {
            let given = Substring(rest.prefix { $0 != UInt8(ascii: "/") })
            rest = rest[given.endIndex...].dropFirst()
            if let segment {
                guard segment == given else { return nil }
            } else {
                guard !given.isEmpty else { return nil }
                parameters.append(given)
            }
        }
        return parameters
    }
}
