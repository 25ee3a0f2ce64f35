import Testing

@testable import PresenceClient

@Suite("How a client is told where to connect and who it is")
struct ConfigurationTests {
    @Test("What a user may contain survives the query")
    func target() throws {
        var configuration = try PresenceClient.Configuration(
            url: "ws://[::1]:8080/im/", user: "a&b+ü/?", platform: "Web")
        configuration.version = "1\t0"
        #expect(
            configuration.target(resuming: "Web:x:g", attempt: "c.1")
                == "/im/v1/connect?user=a%26b%2B%C3%BC%2F%3F&platform=Web&attempt=c.1&session=Web%3Ax%3Ag&version=1%090"
        )
        #expect(configuration.server.host == "::1" && configuration.server.authority == "[::1]:8080")
    }

    @Test("wss means TLS, and each scheme has its port", arguments: [("ws", 80, false), ("wss", 443, true)])
    func scheme(scheme: String, port: Int, isSecure: Bool) throws {
        let configuration = try PresenceClient.Configuration(url: "\(scheme)://host", user: "ann", platform: "Web")
        #expect(configuration.server.port == port && configuration.server.isSecure == isSecure)
    }

    @Test("A URL that cannot work is refused", arguments: ["wss://", "http://host", "host:80", "ws://", ""])
    func badURL(url: String) {
        #expect(throws: PresenceClientError.self) {
            try PresenceClient.Configuration(url: url, user: "ann", platform: "Web")
        }
    }
}
