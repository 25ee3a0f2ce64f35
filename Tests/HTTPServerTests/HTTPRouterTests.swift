import HTTPServer
import NIOHTTP1
import Testing

@Suite("Routes")
struct HTTPRouterTests {
    private let router = HTTPRouter<String>([
        (.GET, "/a", "get a"), (.POST, "/a", "post a"), (.GET, "/users/{user}", "user"),
        (.POST, "/users/{user}/kick", "kick"), (.POST, "/only", "only"),
    ])

    private func match(_ method: HTTPMethod, _ path: String) -> String {
        switch router.match(method, path[...]) {
        case .found(let value, let parameters): ([value] + parameters.map { String($0) }).joined(separator: " ")
        case .methodNotAllowed(let methods): "not \(method) but \(methods.map(\.rawValue).joined(separator: ","))"
        case .notFound: "not found"
        }
    }

    @Test(
        "A path as sent leads to its value and what stands in the place of names",
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
