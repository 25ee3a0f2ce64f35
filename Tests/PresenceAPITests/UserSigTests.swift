import Foundation
import NIOHTTP1
import Support
import Testing
import UserSig

@testable import PresenceAPI

@Suite("A usersig shown with a login")
struct UserSigTests {
    private static func login(_ userSig: String) -> Call {
        .post("/v1/sessions", #"{"user":"ann","platform":"Web","userSig":"\#(userSig)"}"#)
    }

    private static func issued(to user: String, after seconds: Int = 0, by key: UserSigKey = CompatibleCall.key)
        -> String
    {
        key.issue(to: user, issuedAt: Int(Date().timeIntervalSince1970) + seconds, lifetime: 3_600)
    }

    @Test("lets its user in")
    func good() async throws {
        try await APIServer.withRedis(options: CompatibleCall.options) { api in
            let answer = try await api.call(Self.login(Self.issued(to: "ann")))
            #expect(answer.status == 201, "\(answer.text)")
        }
    }

    @Test("that is not good is a 401 that says how to show one, before Redis is asked")
    func bad() async throws {
        let stranger = UserSigKey(sdkAppID: 1_400_000_000, secretKey: "a-key-of-others")
        try await APIServer.withoutRedis(options: CompatibleCall.options) { api in
            let bad = [
                "", "nonsense", Self.issued(to: "bob"), Self.issued(to: "ann", after: -3_601),
                Self.issued(to: "ann", by: stranger),
            ]
            for userSig in bad {
                let answer = try await api.call(Self.login(userSig))
                #expect(answer.status == 401, "\(userSig): \(answer.text)")
                #expect(answer.headers["WWW-Authenticate"] == ["UserSig"])
                #expect(try answer.json["code"] == "invalid-usersig")
            }
            let good = try await api.call(Self.login(Self.issued(to: "ann")))
            #expect(good.status == 503)
        }
    }

    @Test("cannot be checked without an app: the field is refused")
    func noApp() async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await api.call(Self.login(Self.issued(to: "ann")))
            #expect(answer.status == 400)
            #expect(try answer.json["field"] == "userSig")
        }
    }
}
