import Testing
import UserSig

@Suite("A usersig")
struct UserSigTests {
    @Test("The published examples count, deflated or stored", arguments: [Vector.deflated, Vector.stored])
    func examples(_ text: String) throws {
        let sig = try Vector.key.verify(text, of: Vector.identifier, at: Vector.time)
        #expect(sig == Vector.claims)
    }

    @Test("It is valid in the last second of its lifetime and expired in the next")
    func lastSecond() {
        #expect(Vector.refusal(Vector.deflated, at: Vector.lastSecond) == nil)
        #expect(Vector.refusal(Vector.deflated, at: Vector.lastSecond + 1) == .expired)
    }

    @Test("The one we issue is the published example, byte for byte")
    func issue() {
        let issued = Vector.key.issue(to: Vector.identifier, issuedAt: Vector.time, lifetime: Vector.expire)
        #expect(issued == Vector.deflated)
    }

    @Test("Each defect has its code: whose claims differ is told before whose signature does")
    func codes() {
        let text = Vector.deflated
        let otherApp = UserSigKey(sdkAppID: 1_400_000_001, secretKey: "other")
        let otherKey = UserSigKey(sdkAppID: Vector.sdkAppID, secretKey: "other")
        #expect(Vector.refusal("nonsense") == .unreadable)
        #expect(Vector.refusal(text, of: "xiaojuN", by: otherApp) == .sdkAppIDDiffers)
        #expect(Vector.refusal(text, of: "xiaojuN", by: otherKey) == .identifierDiffers)
        #expect(Vector.refusal(text, at: Vector.lastSecond + 1, by: otherKey) == .verificationFailed)
        #expect(Vector.refusal(text, at: Vector.lastSecond + 1) == .expired)
        #expect(UserSigError.Code.allCases.map(\.rawValue) == [70001, 70003, 70009, 70013, 70014])
    }

    @Test("It counts no longer than the app allows, whatever lifetime it gives itself")
    func lifetimeMax() {
        let strict = UserSigKey(sdkAppID: Vector.sdkAppID, secretKey: Vector.secret, lifetimeMax: 60)
        #expect(Vector.refusal(Vector.deflated, at: Vector.time + 60, by: strict) == nil)
        #expect(Vector.refusal(Vector.deflated, at: Vector.time + 61, by: strict) == .expired)
    }

    @Test("An issuer's clock may be five minutes ahead, not more")
    func future() {
        #expect(Vector.refusal(Vector.deflated, at: Vector.time - 300) == nil)
        #expect(Vector.refusal(Vector.deflated, at: Vector.time - 301) == .verificationFailed)
    }

    private static let otherForms = [
        #"{"TLS.sig":"$","TLS.time":1700000000,"TLS.expire":15552000,"TLS.sdkappid":1400000000,"#
            + #""TLS.identifier":"xiaojun","TLS.ver":"2.0"}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":"xiaojun","TLS.sdkappid":"1400000000","TLS.expire":"15552000","#
            + #""TLS.time":"1700000000","TLS.sig":"$"}"#,
        " {\n\t\"TLS.ver\" : \"2.0\", \"TLS.identifier\" : \"xiao\\u006aun\", \"TLS.sdkappid\" : 1400000000,"
            + " \"TLS.expire\" : 15552000, \"TLS.time\" : 1700000000, \"TLS.sig\" : \"$\", \"more\" : [1] }\n",
    ]

    @Test("Order, spacing, escapes, further members and numbers as strings make no difference", arguments: otherForms)
    func forms(_ json: String) throws {
        for level: Int32 in [0, 1, 6, 9] {
            let text = Vector.wrapped(json.replacing("$", with: Vector.sig), level: level)
            #expect(try Vector.key.verify(text, of: Vector.identifier, at: Vector.time) == Vector.claims)
        }
    }

    @Test("A userbuf is signed along")
    func userbuf() throws {
        let text = Vector.key.issue(to: "ann", issuedAt: 7, lifetime: 9, userbuf: "YWJj")
        #expect(try Vector.key.verify(text, of: "ann", at: 8).userbuf == "YWJj")
        let json =
            #"{"TLS.ver":"2.0","TLS.identifier":"xiaojun","TLS.sdkappid":1400000000,"TLS.expire":15552000,"#
            + #""TLS.time":1700000000,"TLS.userbuf":"YWJj","TLS.sig":"\#(Vector.sig)"}"#
        #expect(Vector.refusal(Vector.wrapped(json)) == .verificationFailed)
    }

    @Test(
        "It can be issued to any identifier, and two spellings of one accent are two identifiers",
        arguments: ["a", "a\"b\\c", "e\u{301}", "用户", "👩‍👩‍👧", String(repeating: "\"", count: 128)])
    func identifiers(_ identifier: String) {
        let text = Vector.key.issue(to: identifier, issuedAt: 7, lifetime: 9)
        #expect(Vector.refusal(text, of: identifier, at: 8) == nil)
        #expect(Vector.refusal(text, of: "\u{E9}", at: 8) == .identifierDiffers)
    }
}
