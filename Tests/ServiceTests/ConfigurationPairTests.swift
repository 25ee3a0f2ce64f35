import PresenceAPI
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
            (["--redis-url", "redis://h", "--redis-ca-file", "/x"], "redis.ca-file is set", "redis.url"),
            (
                ["--redis-url", "redis+cluster://h", "--redis-server-name", "h"], "redis.server-name is set",
                "redis.url"
            ),
            (["--redis-server-name", "h"], "redis.server-name is set", "redis.url"),
            (
                ["--redis-url", "rediss://h", "--redis-key-file", "/x"], "redis.key-file is of no use without",
                "redis.certificate-file"
            ),
            (
                ["--redis-url", "rediss://h", "--redis-certificate-file", "/x"],
                "redis.certificate-file is of no use without", "redis.key-file"
            ),
            (["--redis-min-replicas", "1"], "redis.min-replicas", "redis.url"),
            (["--connect-jwt-audience", "a"], "connect.jwt-audience", "connect.jwt-secrets"),
            (["--connect-jwt-issuer", "a"], "connect.jwt-issuer", "connect.jwt-public-keys"),
            (["--host", "0.0.0.0"], "host", "auth.api-keys"),
            (["--host", "127.evil.example"], "host", "auth.api-keys"),
            (["--heartbeat-mobile-timeout-ms", "239999"], "timeout", "must be at least twice its interval"),
            (
                ["--outage-gap-ms", "35000"], "outage.gap-ms, 35000, must be less",
                "heartbeat.browser-timeout-ms is the default; heartbeat.browser-interval-ms is"
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

    @Test(
        "do not: a key of any list is enough to be reached by others", arguments: ["api", "read", "write", "operate"])
    func keys(_ list: String) throws {
        let configuration = try configure(["--host", "0.0.0.0", "--auth-\(list)-keys", "k"])
        #expect(configuration.keys.lists.flatMap(\.keys) == ["k"])
    }

    @Test("are told with where each of them is set")
    func places() throws {
        #expect(
            try refusal(["--host", "0.0.0.0"])
                == "host is \"0.0.0.0\", which others can reach: set auth.api-keys, or host to 127.0.0.1; it is set by "
                + "--host.")
        #expect(
            try refusal([], ["PRESENCE_OUTAGE_GAP_MS": "2000", "PRESENCE_REDIS_COMMAND_TIMEOUT_MS": "2000"])
                .hasSuffix(
                    "; redis.command-timeout-ms is set by PRESENCE_REDIS_COMMAND_TIMEOUT_MS; outage.gap-ms is set by "
                        + "PRESENCE_OUTAGE_GAP_MS."))
        #expect(
            try refusal(["--heartbeat-mobile-timeout-ms", "239999"])
                == "The heartbeat timeout of Android, 239999 ms, must be at least twice its interval, 120000 ms; "
                + "heartbeat.mobile-timeout-ms is set by --heartbeat-mobile-timeout-ms; heartbeat.mobile-interval-ms is "
                + "the default.")
        #expect(
            try refusal(["--callback-url", "http://a", "--callback-ca-file", "/x"])
                .hasSuffix("without TLS no certificate is shown; it is set by --callback-ca-file."))
        #expect(
            try refusal(["--redis-url", "rediss://h", "--redis-ca-file", "/nowhere"])
                == "redis.ca-file names \"/nowhere\", which cannot be read: No such file or directory; it is set by "
                + "--redis-ca-file.")
        #expect(
            try refusal(["--redis-url", "rediss://h", "--redis-server-name", "10.0.0.1"])
                == "redis.server-name is \"10.0.0.1\" but must be a name, as redis.example.org: an address is checked "
                + "without it; it is set by --redis-server-name.")
        try withFile("c.yaml", "platforms: {iOS: {timeout-ms: 130000}}") { path in
            let message = try refusal(["--config", path])
            #expect(message.contains("of iPhone, 130000 ms"), "\(message)")
            #expect(
                message.hasSuffix(
                    "; platforms.iOS.timeout-ms is set in \(path), line 1, column 31; heartbeat.mobile-interval-ms is the "
                        + "default."), "\(message)")
        }
    }

    @Test("are not those of which one is only the default, or empty")
    func allowed() throws {
        _ = try configure(["--redis-url", "redis://h"])
        _ = try configure(["--state-folder", "/x"])
        _ = try configure(["--app-id", "1", "--app-secret-key", "k", "--app-admins", "ann"])
        _ = try configure(
            ["--redis-url", "redis://h"], ["PRESENCE_STATE_FOLDER": "", "PRESENCE_CALLBACK_CA_FILE": " "])
    }

    @Test(
        "are two platforms whose names differ by upper and lower case alone",
        arguments: [
            ("web", "platforms: {Web: {push: false}, web: {class: browser}}", "Web"),
            ("web", "platforms: {web: {class: browser}}", "Web"), ("ios", "platforms: {ios: {class: mobile}}", "iOS"),
            ("tv", "platforms: {TV: {class: desktop}, tv: {class: desktop}}", "TV"),
        ])
    func otherCase(_ name: String, _ text: String, _ known: String) throws {
        try withFile("c.yaml", text) { path in
            let message = try refusal(["--config", path])
            #expect(
                message == "platforms.\(name) is \(known) in other letters: write platforms.\(known), or another name.")
        }
    }

    @Test("are two names of one platform in the file")
    func platforms() throws {
        try withFile("c.yaml", "platforms: {iOS: {push: true}, iPhone: {push: false}}") { path in
            let message = try refusal(["--config", path])
            #expect(message.contains("platforms.iOS and platforms.iPhone are the same platform"), "\(message)")
        }
    }
}
