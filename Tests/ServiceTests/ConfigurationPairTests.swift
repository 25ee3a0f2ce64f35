import Support
import Testing

@testable import presence

@Suite("Configuration: values that contradict each other")
struct ConfigurationPairTests {
    @Test(
        "are refused, naming both",
        arguments: [
            (["--app-id", "1"], "app.id", "app.secret-key"), (["--app-secret-key", "k"], "app.secret-key", "app.id"),
            (["--app-admins", "ann"], "app.admins", "app.secret-key"),
            (["--callback-webhook-secrets", "whsec_x"], "callback.webhook-secrets", "callback.url"),
            (["--callback-sign-token", "t"], "callback.sign-token", "callback.url"),
            (["--callback-ca-file", "/x"], "callback.ca-file", "callback.url"),
            (["--callback-send-kicked", "false"], "callback.send-kicked", "callback.url"),
            (["--callback-timeout-ms", "100"], "callback.timeout-ms", "callback.url"),
            (["--callback-url", "http://a", "--callback-ca-file", "/x"], "callback.ca-file is set", "callback.url"),
            (["--redis-url", "redis://h", "--state-folder", "/x"], "state.folder", "redis.url"),
            (["--connect-jwt-audience", "a"], "connect.jwt-audience", "connect.jwt-secrets"),
            (["--connect-jwt-issuer", "a"], "connect.jwt-issuer", "connect.jwt-public-keys"),
            (["--host", "0.0.0.0"], "host", "auth.api-keys"),
            (["--host", "127.evil.example"], "host", "auth.api-keys"),
            (["--heartbeat-mobile-timeout-ms", "239999"], "timeout", "must be at least twice the interval"),
            (
                ["--outage-gap-ms", "35000"], "outage.gap-ms, 35000, must be less",
                "heartbeat.browser-interval-ms and -timeout-ms"
            ),
            (
                ["--outage-gap-ms", "2000", "--redis-command-timeout-ms", "2000"], "redis.command-timeout-ms",
                "outage.gap-ms"
            ),
        ])
    func refusals(_ flags: [String], _ one: String, _ other: String) throws {
        let message = try refusal(flags)
        #expect(message.contains(one) && message.contains(other), "\(message)")
    }

    @Test("are not those of which one is only the default, or empty")
    func allowed() throws {
        _ = try configure(["--redis-url", "redis://h"])
        _ = try configure(["--state-folder", "/x"])
        _ = try configure(["--app-id", "1", "--app-secret-key", "k", "--app-admins", "ann"])
        _ = try configure(
            ["--redis-url", "redis://h"], ["PRESENCE_STATE_FOLDER": "", "PRESENCE_CALLBACK_CA_FILE": " "])
    }

    @Test("are two names of one platform in the file")
    func platforms() throws {
        try withFile("c.yaml", "platforms: {iOS: {push: true}, iPhone: {push: false}}") { path in
            let message = try refusal(["--config", path])
            #expect(message.contains("platforms.iOS and platforms.iPhone are the same platform"), "\(message)")
        }
    }
}
