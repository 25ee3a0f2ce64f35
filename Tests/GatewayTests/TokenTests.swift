import Foundation
import Support
import Testing
import UserSig

@Suite("Tokens", .beside(workers: 1, settings: Issuer.settings))
struct TokenTests {
    private typealias Place = Credential.Place

    private static let good: [Credential] =
        [
            Credential("usersig") { Issuer.userSig($0) },
            Credential("usersig of 8192 bytes, the most one may have") { try Issuer.longestUserSig($0) },
            Credential("usersig of an hour ago") { Issuer.userSig($0, issued: -3_500) },
            Credential("JWT for now, of a clock that is ahead") { try await Issuer.jwt($0, exp: 60, iat: 30, nbf: 30) },
            Credential("JWT naming its key") { try await Issuer.jwt($0, kid: "2026-11") },
        ]
        + Issuer.Signing.ours.map { signing in
            Credential("JWT \(signing)") { try await Issuer.jwt($0, signing, iat: 0) }
        }

    private static let bad: [Credential] =
        [
            Credential("usersig of another key") {
                Issuer.userSig($0, key: UserSigKey(sdkAppID: Issuer.sdkAppID, secretKey: "another"))
            },
            Credential("usersig, expired") { Issuer.userSig($0, issued: -3_602) },
            Credential("usersig, dated in the future") { Issuer.userSig($0, issued: 3_600) },
            Credential("usersig of another user") { Issuer.userSig("not-\($0)") },
            Credential("JWT of another user") { try await Issuer.jwt("not-\($0)") },
            Credential("JWT, dated in the future") { try await Issuer.jwt($0, iat: 3_600) },
            Credential("JWT of nobody") { _ in try await Issuer.jwt(nil) },
            Credential("JWT, expired") { try await Issuer.jwt($0, exp: -2) },
            Credential("JWT without exp") { try await Issuer.jwt($0, exp: nil) },
            Credential("JWT, not yet valid") { try await Issuer.jwt($0, nbf: 3_600) },
            Credential("JWT, alg none") { base64URL(#"{"alg":"none"}"#) + "." + claims(of: $0) + "." },
            Credential("JWT, alg none, some signature") {
                base64URL(#"{"alg":"none"}"#) + "." + claims(of: $0) + "." + base64URL("signature")
            },
            Credential("JWT, alg none, signed with our secret") {
                Issuer.hs256(#"{"alg":"none"}"#, claims: claims(of: $0))
            },
            Credential("JWT, another alg than that of our secret") {
                Issuer.hs256(#"{"alg":"HS512"}"#, claims: claims(of: $0))
            },
            Credential("JWT, alg of a public key, signed with our secret") {
                Issuer.hs256(#"{"alg":"ES256"}"#, claims: claims(of: $0))
            },
            Credential("JWT with an extension that has to be understood") {
                Issuer.hs256(#"{"alg":"HS256","crit":["x"],"x":1}"#, claims: claims(of: $0))
            },
            Credential("JWT without alg") { Issuer.hs256(#"{"typ":"JWT"}"#, claims: claims(of: $0)) },
            Credential("JWT with another's claims") {
                let parts = try await Issuer.jwt("not-\($0)", .es256).split(separator: ".")
                return "\(parts[0]).\(claims(of: $0)).\(parts[2])"
            },
            Credential("JWT without its signature") {
                let parts = try await Issuer.jwt($0).split(separator: ".")
                return "\(parts[0]).\(parts[1])."
            },
            Credential("garbage") { _ in garbage(4_000) },
            Credential("garbage with dots") { _ in
                [garbage(1_300), garbage(1_300), garbage(1_300)].joined(separator: ".")
            },
            Credential("dots") { _ in ".." },
        ]
        + Issuer.Signing.others.map { signing in
            Credential("JWT \(signing)") { try await Issuer.jwt($0, signing, iat: 0) }
        }

    @Test("A token of the app's lets its user in, wherever it stands", arguments: good, Credential.Place.allCases)
    func accepted(_ credential: Credential, in place: Credential.Place) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let token = try await credential.token(user)
        try await deployment.withToken(token, of: user, in: place) { client in
            _ = try await client.welcome()
            try await client.expectHeartbeat()
        }
        deployment.expectNotLogged(token)
    }

    @Test("Any other is refused with 4001, and nobody is logged in", arguments: bad, Credential.Place.allCases)
    func refused(_ credential: Credential, in place: Credential.Place) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let token = try await credential.token(user)
        try await deployment.withToken(token, of: user, in: place) { client in
            let closing = try await client.refusal("unauthorized", closes: 4001)
            #expect(!closing.reason.isEmpty)
        }
        #expect(try await deployment.backend.status(user) == "Offline")
        deployment.expectNotLogged(token)
    }

    @Test(
        "Of a JWT signed with our key it is told which claim is wrong",
        arguments: [
            (#"{"sub":"ann"}"#, "the token has no exp"), (#"{"sub":"ann","exp":null}"#, "the token has no exp"),
            (#"{"sub":"ann","exp":"2099-01-01"}"#, "the token's exp must be a number"),
            (#"{"exp":4000000000}"#, "the token has no sub"),
            (#"{"sub":7,"exp":4000000000}"#, "the token's sub must be a string"),
            (#"{"sub":"ann","exp":4000000000,"nbf":"now"}"#, "the token's nbf must be a number"),
            (#"{"sub":"ann","exp":4000000000,"iat":[]}"#, "the token's iat must be a number"),
            (
                #"{"sub":"ann","exp":4000000000,"aud":"another"}"#,
                "the token has an aud, and this service no name to find in it: set connect.jwt-audience"
            ),
            ("[]", "the token's claims are no JSON object"), ("x", "the token's claims are no JSON object"),
        ])
    func claims(_ claims: String, detail: String) async throws {
        let token = Issuer.hs256(#"{"alg":"HS256"}"#, claims: Self.base64URL(claims))
        try await Deployment.ofSuite.withToken(token, of: "ann") { client in
            let answer = try await client.messageAnswer()
            #expect(answer["detail"].string == detail)
            #expect(try await client.closing().code == 4001)
        }
    }

    @Test("Of a JWT that is not signed with our key, no claim is told")
    func claimsOfOthers() async throws {
        let token = try await Issuer.jwt("ann", .otherHS256, exp: nil)
        try await Deployment.ofSuite.withToken(token, of: "ann") { client in
            let answer = try await client.messageAnswer()
            #expect(answer["detail"].string?.contains("not signed") == true)
            #expect(try await client.closing().code == 4001)
        }
    }

    @Test("A name that only looks the same is another user")
    func lookalike() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser() + "caf")
        let token = try await Issuer.jwt(user + "e\u{301}")
        try await deployment.withToken(token, of: user + "%C3%A9") {
            try await $0.expectRefusal("unauthorized", closes: 4001)
        }
        try await deployment.withToken(token, of: user + "e%CC%81") { _ = try await $0.welcome() }
    }

    @Test("No secret of the configuration is logged")
    func secrets() throws {
        for worker in try Deployment.ofSuite.workers {
            #expect(worker.log.contains("debug"))
            for secret in Issuer.secrets { #expect(!worker.log.contains(secret)) }
        }
    }

    @Test("An empty token is none of the app's; in the query it counts as none yet")
    func empty() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        for place in [Credential.Place.subprotocol, .message] {
            try await deployment.withToken("", of: user, in: place) {
                try await $0.expectRefusal("unauthorized", closes: 4001)
            }
        }
        try await deployment.withToken("", of: user, in: .query) { client in
            client.send(.text(#"{"type":"token","token":"\#(Issuer.userSig(user))"}"#))
            _ = try await client.welcome()
        }
    }

    @Test("A client that owes a token may say nothing else", arguments: ["heartbeat", "logout", "dance"])
    func somethingElse(type: String) async throws {
        try await Deployment.ofSuite.withSocket(newUser()) { client in
            client.say(type)
            try await client.expectRefusal("unauthorized", closes: 4001)
        }
    }

    @Test("A kick that revokes ends the connection, and every token issued before it; a new one works")
    func revoked() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let issuedBefore = [
            Issuer.userSig(user, issued: -60), Issuer.userSig(user), try await Issuer.jwt(user, iat: -60),
            try await Issuer.jwt(user, .rs256, iat: 0), try await Issuer.jwt(user, .es256, iat: nil),
        ]
        var session = ""
        for token in issuedBefore {
            session = try await deployment.withToken(token, of: user) { try await $0.welcome().session }
        }
        try await deployment.withToken(issuedBefore[0], of: user) { client in
            _ = try await client.welcome()
            try await deployment.revoke(user)
            try await client.expectKicked(by: nil)
        }
        for token in issuedBefore {
            for session in ["", session] {
                try await deployment.withToken(token, of: user, session: session) {
                    try await $0.expectRefusal("unauthorized", closes: 4001)
                }
            }
        }
        for token in [Issuer.userSig(user), try await Issuer.jwt(user, iat: 0)] {
            try await deployment.withToken(token, of: user) { _ = try await $0.welcome() }
        }
        let forever = try await Issuer.jwt(user)
        try await deployment.withToken(forever, of: user) {
            try await $0.expectRefusal("unauthorized", closes: 4001)
        }
    }

    @Test("A service with API keys and nothing to verify tokens with lets nobody in, and names what is missing")
    func notConfigured() async throws {
        try await Deployment.with(workers: 1, ["auth.api-keys": "key"]) { deployment in
            for token in [Issuer.userSig("ann"), try await Issuer.jwt("ann"), ""] {
                try await deployment.withToken(token, of: "ann") { client in
                    let message = try await client.messageAnswer()
                    #expect(message["code"].string == "unauthorized")
                    for key in ["app.secret-key", "connect.jwt-secrets", "connect.jwt-public-keys"] {
                        #expect(message["detail"].string?.contains(key) == true)
                    }
                    #expect(try await client.closing().code == 4001)
                }
            }
        }
    }

    @Test("A secret that is too short to be one is refused at the start")
    func shortSecret() async throws {
        let redis = try Deployment.ofSuite.redis.url
        let arguments = ["serve", "--port", "0", "--redis-url", redis, "--shards", "16"]
        let output = try await PresenceProcess.command(
            arguments + ["--connect-jwt-secrets", "31-bytes-are-one-too-few-for-it"])
        #expect(output.contains("connect.jwt-secrets") && output.contains("32"), "\(output.prefix(2_000))")
    }

    private static func base64URL(_ text: String) -> String { Data(text.utf8).base64URLEncoded }

    private static func claims(of user: String) -> String {
        base64URL(#"{"sub":"\#(user)","exp":\#(Int(Date().timeIntervalSince1970) + 3_600)}"#)
    }

    private static func garbage(_ count: Int) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        return String((0..<count).map { _ in letters.randomElement()! })
    }
}

extension Deployment {
    /// Kicks as the compatible API does, which revokes the user's tokens.
    fileprivate func revoke(_ user: String) async throws {
        let query = "sdkappid=\(Issuer.sdkAppID)&identifier=administrator&usersig=\(Issuer.userSig("administrator"))"
        let answer = try await backend.call(
            .post, "/v4/im_open_login_svc/kick?\(query)&random=1&contenttype=json", body: #"{"UserID":"\#(user)"}"#)
        #expect(answer.body["ErrorCode"].int == 0, "\(answer.text)")
    }
}
