import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import PresenceCore
import Support
import Testing

@testable import Callbacks

@Suite("What the backend hears, pure")
struct CallbackFormTests {
    @Test("A login that displaced somebody names who, a change of the same session does not")
    func bodies() throws {
        let login = try change(
            .login, .register, "iPhone", status: .online, kicked: ["iPhone", "MiniProgram", "Windows"])
        #expect(
            login.body == """
                {"CallbackCommand":"State.StateChange","EventTime":1629883332497,\
                "Info":{"Action":"Login","To_Account":"testuser316","Reason":"Register"},\
                "KickedDevice":[{"Platform":"iOS"},{"Platform":"Web"},{"Platform":"Windows"}],\
                "Presence":{"id":"e1","version":1629883332497,"previous":1629883000000,"platform":"iPhone",\
                "instance":"default","status":"Online","userStatus":"Online"}}
                """)
        let lost = try change(.disconnect, .timeOut, "Android", status: .pushOnline)
        #expect(
            lost.body == """
                {"CallbackCommand":"State.StateChange","EventTime":1629883332497,\
                "Info":{"Action":"Disconnect","To_Account":"testuser316","Reason":"TimeOut"},\
                "Presence":{"id":"e1","version":1629883332497,"previous":1629883000000,"platform":"Android",\
                "instance":"default","status":"PushOnline","userStatus":"PushOnline"}}
                """)
    }

    @Test(
        "Every action and reason is spelled as the contract says",
        arguments: [
            (Action.login, Reason.register, "Login", "Register"), (.logout, .unregister, "Logout", "Unregister"),
            (.disconnect, .linkClose, "Disconnect", "LinkClose"), (.disconnect, .timeOut, "Disconnect", "TimeOut"),
            (.logout, .kicked, "Logout", "Kicked"), (.logout, .expired, "Logout", "Expired"),
        ])
    func words(_ action: Action, _ reason: Reason, _ actionWord: String, _ reasonWord: String) throws {
        let info = try JSON(parsing: try change(action, reason, "Web").body)["Info"]
        #expect(info["Action"].string == actionWord)
        #expect(info["Reason"].string == reasonWord)
    }

    @Test("Any user id arrives as it is", arguments: ["a\"b", "a\\b", "{}:/'", "😀 é", "\u{2028}", "a&b=c#d"])
    func escaping(_ user: String) throws {
        let json = try JSON(parsing: try change(.login, .register, "Web", user: user).body)
        #expect(json["Info"]["To_Account"].string == user)
    }

    @Test("Control characters in a body are escaped")
    func controls() throws {
        var odd = try change(.login, .register, "Web")
        odd.id = "\u{1}\u{1F}\"\\"
        #expect(odd.body.contains(#""Presence":{"id":"\u0001\u001f\"\\","#))
    }

    @Test(
        "The origin is the backend for kicks and expiry, otherwise the session's platform",
        arguments: [
            ("iPhone", Reason.register, "IOS"), ("iPad", .register, "iPad"), ("Android", .linkClose, "Android"),
            ("Windows", .timeOut, "Windows"), ("Mac", .unregister, "Mac"), ("Linux", .register, "Linux"),
            ("Web", .register, "Web"), ("MiniProgram", .register, "Web"), ("HarmonyOS", .register, "Unknown"),
            ("iPhone", .kicked, "RESTAPI"), ("Android", .expired, "RESTAPI"),
        ])
    func origins(_ platform: String, _ reason: Reason, _ origin: String) throws {
        #expect(try change(.login, reason, platform).originName == origin)
    }

    @Test("The configured query stays, what describes the change follows it")
    func targets() throws {
        let plain = try change(.login, .register, "Web")
        var options = CallbackOptions(url: try CallbackURL("https://app.example/cb?token=a%2Fb"), sdkAppID: 14)
        #expect(
            try options.request(for: plain).head.uri == "/cb?token=a%2Fb&SdkAppid=14&CallbackCommand=State.StateChange"
                + "&contenttype=json&ClientIP=&OptPlatform=Web")
        let addressed = try change(.login, .register, "Web", address: "2001:db8::1 &é")
        options = CallbackOptions(url: try CallbackURL("http://app.example"), signToken: "xxxxyyyy")
        #expect(
            try options.request(for: addressed, at: 1_669_872_112).head.uri
                == "/?SdkAppid=0&CallbackCommand=State.StateChange&contenttype=json"
                + "&ClientIP=2001%3Adb8%3A%3A1%20%26%C3%A9&OptPlatform=Web"
                + "&Sign=17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061&RequestTime=1669872112")
    }

    @Test("A request says who sends it to whom, and what it carries")
    func headers() throws {
        let options = CallbackOptions(url: try CallbackURL("https://app.example:8443/cb"))
        let request = try options.request(for: try change(.login, .register, "Web"))
        #expect(request.head.method == .POST)
        #expect(
            request.head.headers.map { "\($0.name): \($0.value)" } == [
                "Host: app.example:8443", "User-Agent: presence/\(PresenceVersion.current)",
                "Content-Type: application/json", "Content-Length: \(request.body.readableBytes)",
            ])
    }

    @Test(
        "Host and port come from the URL",
        arguments: [
            ("http://a/", "a", 80, "a"), ("HTTPS://a/", "a", 443, "a"), ("http://a:443/", "a", 443, "a:443"),
            ("http://[::1]:8080/x", "::1", 8_080, "[::1]:8080"), ("https://[::1]", "::1", 443, "[::1]"),
        ])
    func authorities(_ text: String, _ host: String, _ port: Int, _ authority: String) throws {
        let url = try CallbackURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.authority == authority)
    }

    @Test(
        "A URL that could not be posted to, or would leak, is refused",
        arguments: [
            "", "app.example", "ftp://a", "http://", "http:///p", "http://u:p@a/", "http://a/#f", "http://a/ b",
            "http://host:abc/x", "http://:8080/x", "http://[::1/x", "http://host:99999/",
        ])
    func badURLs(_ text: String) {
        #expect(throws: InvalidInput.self) { try CallbackURL(text) }
    }

    @Test("Sign is the hash of token and time")
    func sign() {
        var query = "a=b"
        TokenSignature.append(to: &query, token: "xxxxyyyy", requestTime: 1_669_872_112)
        #expect(
            query == "a=b&Sign=17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061"
                + "&RequestTime=1669872112")
    }

    @Test("The webhook signature is that of the specification's own example")
    func webhook() throws {
        // From the reference implementations of Standard Webhooks.
        let secret = try WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let headers = WebhookSignature.headers(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330,
            body: ByteBuffer(string: #"{"test": 2432232314}"#), secrets: [secret, secret])
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(
            headers.map(\.value) == ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "\(signature) \(signature)"])
    }

    @Test("A secret that is no whsec_ of 24 to 64 bytes is refused", arguments: [0, 23, 65])
    func badSecrets(_ bytes: Int) {
        #expect(throws: InvalidInput.self) {
            try WebhookSecret("whsec_" + Data(repeating: 7, count: bytes).base64EncodedString())
        }
        #expect(throws: InvalidInput.self) { try WebhookSecret(Data(repeating: 7, count: 32).base64EncodedString()) }
    }

    @Test("A receiver's wish to wait is honoured in seconds, and bounded")
    func retryAfter() {
        #expect(outcome(.tooManyRequests, "7").delayMs == 7_000)
        #expect(outcome(.serviceUnavailable, "999999999999").delayMs == 3_600_000)
        #expect(outcome(.tooManyRequests, "Fri, 31 Dec 1999 23:59:59 GMT").delayMs == nil)
        #expect(outcome(.badGateway, "7").delayMs == nil)
    }

    private func outcome(_ status: HTTPResponseStatus, _ retryAfter: String) -> DeliveryOutcome {
        .of(HTTPResponseHead(version: .http1_1, status: status, headers: ["Retry-After": retryAfter]))
    }
}

extension StatusChange {
    var body: String { String(buffer: CallbackBody.bytes(of: self)) }
}

extension CallbackOptions {
    /// - Parameter time: unix time of the attempt in seconds.
    func request(for change: StatusChange, at time: Int = 0) throws -> ReceiverRequest {
        let sender = try CallbackSender(
            options: self, inFlightMax: 1, eventLoop: MultiThreadedEventLoopGroup.singleton.next(), now: { 0 })
        return sender.request(for: change, at: time)
    }
}

extension DeliveryOutcome {
    fileprivate var delayMs: Int? {
        if case .retry(let afterMs, _) = self { afterMs } else { nil }
    }
}

/// A change of the user `testuser316`.
func change(
    _ action: Action, _ reason: Reason, _ platform: String, user: String = "testuser316", status: Status = .offline,
    address: String? = nil, kicked: [String] = []
) throws -> StatusChange {
    func session(_ platform: String) throws -> SessionID {
        SessionID(platform: try Platform(platform), instance: .unnamed, generation: try Generation("g1"))
    }
    return StatusChange(
        id: "e1", user: try UserID(user), version: 1_629_883_332_497, previous: 1_629_883_000_000,
        atMs: 1_629_883_332_497, action: action, reason: reason, session: try session(platform), status: status,
        userStatus: status, address: address, kicked: try kicked.map(session))
}
