import HTTPServer
import NIOHTTP1
import Testing

@Suite("Routes")
struct HTTPRouterTests {
    private let names = ["get a", "post a", "user", "kick", "only"]
    private let router = HTTPRouter([
        (.GET, "/a"), (.POST, "/a"), (.GET, "/users/{user}"), (.POST, "/users/{user}/kick"), (.POST, "/only"),
    ])

    private func match(_ method: HTTPMethod, _ path: String) -> String {
        switch router.match(method, path[...]) {
        case .found(let route, let parameters): ([names[route]] + parameters.map { String($0) }).joined(separator: " ")
        case .methodNotAllowed(let methods): "not \(method) but \(methods.map(\.rawValue).joined(separator: ","))"
        case .notFound: "not found"
        }
    }

    @Test(
        "A path as sent leads to its route and what stands in the place of names",
        arguments: [
            ("/a", "get a"), ("/users/ann", "user ann"), ("/users/a%2Fb", "user a%2Fb"), ("/users/", "not found"),
            ("/a/", "not found"), ("//a", "not found"), ("/A", "not found"), ("/users/ann/", "not found"),
            ("/users/ann/kick", "not GET but POST"), ("*", "not found"), ("", "not found"),
        ])
    func paths(_ path: String, _ found: String) {
        #expect(match(.GET, path) == found)
    }

    @Test("A path with other methods tells which; HEAD is served where GET is")
    func methods() {
        #expect(match(.POST, "/a") == "post a")
        #expect(match(.HEAD, "/a") == "get a")
        #expect(match(.DELETE, "/a") == "not DELETE but GET,POST,HEAD")
        #expect(match(.HEAD, "/only") == "not HEAD but POST")
        #expect(match(.POST, "/users/ann/kick") == "kick ann")
    }
}
