import JSON
import NIOCore
import Testing

@testable import PresenceClient

@Suite("Messages of the gateway, and the request that connects")
struct ServerMessageTests {
    private func message(_ json: String) throws -> ServerMessage {
        try ServerMessage(json: ByteBuffer(string: json))
    }

    @Test("Every message is understood, unknown fields and types are ignored")
    func messages() throws {
        let welcome = """
            {"type":"welcome","session":"Web:default:g","version":123,"new":[1],
             "heartbeat":{"intervalSeconds":0.5,"timeoutSeconds":60},"resumed":true}
            """
        #expect(
            try message(welcome)
                == .welcome(session: "Web:default:g", resumed: true, heartbeatInterval: .milliseconds(500)))
        #expect(try message(#"{"type":"heartbeat"}"#) == .heartbeat(wanted: false))
        #expect(try message(#"{"type":"heartbeat","wanted":true}"#) == .heartbeat(wanted: true))
        #expect(try message(#"{"type":"unrecorded"}"#) == .unrecorded)
        #expect(try message(#"{"type":"logout"}"#) == .logout)
        #expect(
            try message(#"{"type":"kicked","by":"session","platform":"iPhone","instance":"a"}"#)
                == .kicked(.session(platform: "iPhone", instance: "a")))
        #expect(try message(#"{"type":"kicked","by":"operator"}"#) == .kicked(.operator(reason: nil)))
        #expect(
            try message(#"{"type":"kicked","by":"operator","reason":"spam"}"#) == .kicked(.operator(reason: "spam")))
        #expect(
            try message(#"{"type":"error","code":"overloaded","detail":"Later."}"#)
                == .error(code: "overloaded", detail: "Later."))
        #expect(try message(#"{"type":"news"}"#) == .unknown)
    }

    @Test("An interval that no client can keep is brought into bounds", arguments: [(-1.0, 0.01), (1e300, 86_400)])
    func bounds(said: Double, used: Double) throws {
        let json = #"{"type":"welcome","session":"s","heartbeat":{"intervalSeconds":\#(said)}}"#
        #expect(try message(json) == .welcome(session: "s", resumed: false, heartbeatInterval: .seconds(used)))
    }

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
