import JSON
import NIOCore
import PresenceProtocol
import Support
import Testing

@Suite("Messages of clients and gateway")
struct MessageTests {
    private func server(_ json: String) throws -> ServerMessage { try ServerMessage(json: ByteBuffer(string: json)) }

    @Test("What a client says the gateway reads", arguments: ClientMessage.Kind.allCases)
    func clientMessages(kind: ClientMessage.Kind) throws {
        for message in kind.examples {
            let read = try ClientMessage(message.text)
            #expect(read == message)
            #expect(message.text.hasPrefix(#"{"type":"\#(kind.rawValue)""#))
        }
    }

    @Test("What the gateway says a client reads", arguments: ServerMessage.Kind.allCases)
    func serverMessages(kind: ServerMessage.Kind) throws {
        for message in kind.examples {
            let read = try server(message.text)
            #expect(read == message)
            #expect(message.text.hasPrefix(#"{"type":"\#(kind.rawValue)""#))
        }
    }

    @Test("Members that are not known are passed over, in both directions and at every depth")
    func unknownMembers() throws {
        for message in ClientMessage.Kind.allCases.flatMap(\.examples) {
            let newer = message.text.replacing("{", with: #"{"new":[{"type":"x"}],"#)
            let read = try ClientMessage(newer)
            #expect(read == message)
        }
        for message in ServerMessage.Kind.allCases.flatMap(\.examples) {
            let newer = message.text.replacing("{", with: #"{"new":[{"type":"x"}],"#)
            let read = try server(newer)
            #expect(read == message)
        }
    }

    @Test("A type that is not known is told from a text that is no message")
    func unknownTypes() throws {
        let wave = try ClientMessage(#"{"to":"bob","type":"wave"}"#)
        #expect(wave == .unknown(type: "wave") && wave.text == #"{"type":"wave"}"#)
        let news = try server(#"{"type":"news","x":[1]}"#)
        #expect(news == .unknown(type: "news") && news.text == #"{"type":"news"}"#)
        let wrong = ["", "hello", "[]", "{}", "null", #"{"type":1}"#, #"{"type":"logout"} x"#]
        for text in wrong {
            #expect(throws: JSONError.self, "\(text)") { try ClientMessage(text) }
            #expect(throws: JSONError.self, "\(text)") { try server(text) }
        }
    }

    @Test("A heartbeat is one however it is spelled")
    func spelling() throws {
        for text in [#"{"type":"heartbeat"}"#, #" { "type" : "heart\u0062eat" } "#, #"{"at":1,"type":"heartbeat"}"#] {
            let read = try ClientMessage(text)
            #expect(read == .heartbeat, "\(text)")
        }
    }

    @Test(
        "A message that lacks what it is about is refused",
        arguments: [
            #"{"type":"welcome","session":"s","heartbeat":{"intervalSeconds":25}}"#,
            #"{"type":"welcome","heartbeat":{"intervalSeconds":25,"timeoutSeconds":60}}"#,
            #"{"type":"welcome","session":"s"}"#, #"{"type":"kicked"}"#, #"{"type":"kicked","by":"session"}"#,
            #"{"type":"error","detail":"d"}"#, #"{"type":"heartbeat","wanted":1}"#,
        ])
    func incomplete(_ json: String) {
        #expect(throws: JSONError.self) { try server(json) }
    }

    @Test("An older or newer gateway may leave out, or say as null, what a client can do without")
    func optional() throws {
        let welcome = try server(
            #"{"type":"welcome","session":"s","heartbeat":{"intervalSeconds":25,"timeoutSeconds":60}}"#)
        let expected = ServerMessage.Welcome(
            session: "s", version: 0, intervalSeconds: 25, timeoutSeconds: 60, isResumed: false)
        #expect(welcome == .welcome(expected))
        let kicked = try server(#"{"type":"kicked","by":"somebody","reason":null}"#)
        #expect(kicked == .kicked(by: .operator(reason: nil)))
        let error = try server(#"{"type":"error","code":"new-trouble"}"#)
        #expect(error == .error(.init(.init(rawValue: "new-trouble"), detail: "")))
    }

    @Test("The documentation's messages are what is said, byte by byte")
    func wireForm() throws {
        let welcome = ServerMessage.Welcome(
            session: "Web:default:k3J9", version: 1_795_253_203_597, intervalSeconds: 25, timeoutSeconds: 60,
            isResumed: false)
        let kicker = ServerMessage.Kicker.session(platform: "iPhone", instance: "default")
        let problem = ServerMessage.Problem(.init(rawValue: "..."), detail: "...", field: "...")
        let said = [
            ClientMessage.token("...").text, ClientMessage.heartbeat.text, ClientMessage.logout.text,
            ServerMessage.welcome(welcome).text, ServerMessage.heartbeat.text, ServerMessage.unrecorded.text,
            ServerMessage.heartbeatWanted.text, ServerMessage.kicked(by: kicker).text,
            ServerMessage.error(problem).text,
        ]
        let page = try DocumentationPage.named("Clients").text
        for message in said { #expect(page.contains("| `\(message)` |"), "\(message)") }
    }
}
