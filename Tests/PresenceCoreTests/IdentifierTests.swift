import PresenceCore
import Testing

@Suite struct IdentifierTests {
    @Test(
        "A user id is 1 to 128 bytes, whatever characters they make",
        arguments: ["a", String(repeating: "x", count: 128), String(repeating: "👩", count: 32), "é"])
    func userLengths(_ raw: String) throws {
        #expect(try UserID(raw).rawValue == raw)
    }

    @Test(
        "A user id too long by a byte or empty is refused with its field",
        arguments: ["", String(repeating: "x", count: 129), String(repeating: "👩", count: 32) + "x"])
    func wrongUserLengths(_ raw: String) {
        let error = #expect(throws: InvalidInput.self) { try UserID(raw, field: "users[3]") }
        #expect(error == InvalidInput(field: "users[3]", message: "must be 1 to 128 bytes of UTF-8"))
    }

    @Test(
        "No id holds a control character: C0, DEL or C1",
        arguments: [0x00, 0x09, 0x0A, 0x0D, 0x1F, 0x7F, 0x80, 0x9F])
    func controlCharacters(_ scalar: UInt32) throws {
        let raw = "a\(try #require(Unicode.Scalar(scalar)))b"
        #expect(throws: InvalidInput.self) { try UserID(raw) }
        #expect(throws: InvalidInput.self) { try InstanceID(raw) }
        #expect(throws: InvalidInput.self) { try ClientDetails(network: raw) }
    }

    @Test(
        "A user id may hold what means something elsewhere",
        arguments: ["{}", "{1}", "a:b:c", "a/b", "\"'\\", " ", "🙂"])
    func punctuation(_ raw: String) throws {
        #expect(try UserID(raw).description == raw)
    }

    @Test("Two spellings of one accent are two users, as they are two keys in Redis")
    func spellings() throws {
        let (one, two) = (try UserID("\u{E9}"), try UserID("e\u{301}"))
        #expect(one.rawValue == two.rawValue, "to Swift they are the same text")
        #expect(one != two && Set([one, two]).count == 2)
    }

    @Test("An instance id is 1 to 64 letters, digits, dots, underscores and dashes")
    func instances() throws {
        #expect(try InstanceID("A-z_0.9").rawValue == "A-z_0.9")
        #expect(try InstanceID(String(repeating: "i", count: 64)).rawValue.utf8.count == 64)
        for raw in ["", String(repeating: "i", count: 65), "a:b", "a b", "a/b", "a,b", "é"] {
            let error = #expect(throws: InvalidInput.self) { try InstanceID(raw) }
            #expect(error?.field == "instance")
        }
        #expect(throws: Never.self) { try InstanceID(InstanceID.unnamed.rawValue) }
    }

    @Test("A new generation is one that could have been given out, and never the same")
    func generations() throws {
        let many = (0..<1000).map { _ in Generation.random() }
        #expect(Set(many).count == 1000)
        for generation in many { #expect(try Generation(generation.rawValue) == generation) }
    }

    @Test("A session is read back from what it is written as")
    func sessionText() throws {
        let session = try SessionID("iPhone:6f.1_a-2:k3J9")
        #expect(session.platform == .iPhone)
        #expect(session.instance == (try InstanceID("6f.1_a-2")))
        #expect(session.generation == (try Generation("k3J9")))
        let parts = SessionID(
            platform: session.platform, instance: session.instance, generation: session.generation)
        #expect(parts == session)
        #expect(parts.device == session.device)
        #expect(session.device == "iPhone:6f.1_a-2")
        #expect(session.description == "iPhone:6f.1_a-2:k3J9")
        #expect(try SessionID(session.description) == session)
    }

    @Test(
        "What no login answered with is no session",
        arguments: [
            "", "::", "Web", "Web:1", "Web:1:", ":1:g", "Web::g", "Web:1:g:h", "Web:1:g-h", "We b:1:g", "Web:1 2:g",
            "Web:1:\(String(repeating: "g", count: 33))", "Web:\(String(repeating: "i", count: 65)):g",
            String(repeating: "W", count: 33) + ":1:g",
        ])
    func wrongSessions(_ raw: String) {
        let error = #expect(throws: InvalidInput.self) { try SessionID(raw, field: "sessions[0].session") }
        #expect(error?.field == "sessions[0].session")
    }

    @Test("What a client tells of itself is at most 128 bytes each, and the empty text is nothing told")
    func clientDetails() throws {
        let details = try ClientDetails(address: "", network: String(repeating: "n", count: 128), version: "8.1 β")
        #expect(details.address == nil)
        #expect(details.network?.utf8.count == 128)
        #expect(details.version == "8.1 β")
        let error = #expect(throws: InvalidInput.self) { try ClientDetails(version: String(repeating: "β", count: 65)) }
        #expect(error?.field == "version")
    }

    @Test("An attempt names its client and a number")
    func attempts() throws {
        let longest = String(repeating: "z", count: 32) + "." + String(repeating: "9", count: 15)
        for text in ["a.0", "Z9.12", longest] { #expect(try Attempt(text).description == text) }
        for text in [
            "", ".", "a", "a.", ".1", "a.b", "a.1.2", "a b.1", "ä.1", "a.-1", "a=b.1", "z" + longest, longest + "9",
        ] {
            let error = #expect(throws: InvalidInput.self, "\(text)") { try Attempt(text) }
            #expect(error?.field == "attempt")
        }
    }
}
