import PresenceCore
import PresenceProtocol
import Testing
import UserSig

@Suite("The request that connects, and the limits of what follows")
struct ConnectQueryTests {
    @Test("What one side writes the other reads", arguments: ["a", "a&b=c", "ü/?#%+ \u{1}", "\u{FEFF}e\u{301}", "%41"])
    func roundTrip(value: String) throws {
        let target = ConnectQuery.target(under: "/im", ConnectQuery.Parameter.allCases.map { ($0, value) })
        let parts = target.split(separator: "?")
        #expect(parts.count == 2 && parts[0] == "/im/v1/connect")
        let read = try QueryParameters<ConnectQuery.Parameter>(try #require(parts.last))
        for parameter in ConnectQuery.Parameter.allCases {
            #expect(read[parameter].map { Array($0.utf8) } == Array(value.utf8), "\(parameter)")
        }
    }

    @Test("What is not said is left out, and all but the unreserved characters are encoded")
    func target() {
        #expect(ConnectQuery.target([(.user, nil)]) == "/v1/connect")
        let target = ConnectQuery.target([(.user, "a-Z_0.9~"), (.session, nil), (.network, "\n+")])
        #expect(target == "/v1/connect?user=a-Z_0.9~&network=%0A%2B")
    }

    @Test("The longest token there is fits into a message")
    func tokenFits() {
        let token = ClientMessage.token(String(repeating: "x", count: UserSigLimits.textBytesMax))
        #expect(token.text.utf8.count <= ProtocolLimits.clientMessageBytesMax)
    }

    @Test("The longest the gateway says fits into what a client takes")
    func answerFits() {
        // All of it escaped; a kick's reason has 256 bytes at most.
        let reason = ServerMessage.kicked(by: .operator(reason: String(repeating: "\u{1}", count: 256)))
        let instance = String(repeating: "i", count: InstanceID.bytesMax)
        let platform = String(repeating: "p", count: Platform.bytesMax)
        let kicker = ServerMessage.kicked(by: .session(platform: platform, instance: instance))
        for message in [reason, kicker] {
            #expect(message.text.utf8.count <= ProtocolLimits.serverMessageBytesMax)
        }
    }
}
