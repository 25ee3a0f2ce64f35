import Testing

@testable import presence

@Suite("Configuration: the sentence of a refusal")
struct ConfigurationSentenceTests {
    @Test(
        "says what is wrong, what to do and where it is set, from its first word to its last",
        arguments: [
            (["--auth-api-keys", "a,,b"], "auth.api-keys has an empty entry: leave out the comma or line too many"),
            (
                ["--redis-prefix", "a\tb"],
                "redis.prefix holds a line break, a tab or another control character: leave it out"
            ),
            (["--redis-url", "redis://a b"], "redis.url is a secret that holds a blank: leave it out"),
            (
                ["--redis-prefix", "'a'"],
                "redis.prefix is enclosed in quotes, which would be part of it: leave them out"
            ),
            (
                ["--callback-timeout-ms", "100"],
                "callback.timeout-ms is of no use without callback.url (nobody is told of changes): set callback.url too, "
                    + "or leave it out"
            ),
            (
                ["--app-id", "1"],
                "app.id is of no use without app.secret-key (no usersig can be checked): set app.secret-key too, or leave "
                    + "it out"
            ),
            (
                ["--app-secret-key", "k"],
                "app.secret-key is of no use without app.id (a usersig is one app's): set app.id too, or leave it out"
            ),
            (
                ["--app-admins", "ann"],
                "app.admins is of no use without app.secret-key (the compatible API is off): set app.secret-key too, or "
                    + "leave it out"
            ),
            (
                ["--connect-jwt-issuer", "a"],
                "connect.jwt-issuer is of no use without connect.jwt-secrets or connect.jwt-public-keys (no JWT can be "
                    + "verified): set one of them too, or leave it out"
            ),
            (
                ["--redis-url", "redis://h", "--state-folder", "/x"],
                "state.folder is the folder of the private Redis, which redis.url replaces: leave one of them out"
            ),
            (
                ["--app-id", "1", "--app-secret-key", "k", "--app-admins", String(repeating: "x", count: 129)],
                "app.admins names a user that cannot be: one must be 1 to 128 bytes of UTF-8"
            ),
            (
                ["--connect-keepalive-ms", "999"],
                "connect.keepalive-ms is \"999\" but must be 0 for none, or a whole number from 1000 to 600000"
            ),
            (
                ["--host", "[::1]"],
                "host is \"[::1]\" but must be an address or a name, without a scheme, a port or brackets"
            ),
            (["--connect-jwt-secrets", "short"], "connect.jwt-secrets must be secrets of at least 32 bytes"),
            (
                ["--callback-url", "http://a@b"],
                "callback.url must be printable ASCII without credentials and without a fragment (#)"
            ),
            (
                ["--callback-url", "http://a:99999"],
                "callback.url must have a host, and a port from 1 to 65535 if any"
            ),
            (
                ["--callback-url", "http://a", "--callback-webhook-secrets", "no"],
                "callback.webhook-secrets must each be whsec_ and the base64 of 24 to 64 bytes"
            ),
            (
                ["--callback-url", "http://a", "--callback-ca-file", "/x"],
                "callback.ca-file is set but callback.url is not https: without TLS no certificate is shown"
            ),
            (
                ["--callback-url", "https://a", "--callback-ca-file", "/x"],
                "callback.ca-file is \"/x\" but must be a PEM file that can be read and holds a certificate"
            ),
        ])
    func ofOneKey(_ flags: [String], _ sentence: String) throws {
        let message = try refusal(flags)
        let flag = "--" + sentence.prefix { $0 != " " }.replacing(".", with: "-")
        #expect(message == "\(sentence); it is set by \(flag).")
    }

    @Test(
        "about more than one key, or none, is whole as well",
        arguments: [
            (["--port"], "--port needs a value: a whole number from 0 to 65535 (behind = if it begins with --)."),
            (
                ["--app-admins", "a", "--app-admins", "b"],
                "--app-admins is given more than once: give it once, with commas between several values."
            ),
            (["--port", "1", "--port", "1"], "--port is given more than once: give it once."),
            (
                ["--auth-api-keys", "x", "--auth-api-keys-file", "/x"],
                "auth.api-keys is set by --auth-api-keys, and auth.api-keys-file is set by --auth-api-keys-file: leave "
                    + "one of them out."
            ),
            (
                ["--outage-gap-ms", "2000", "--redis-command-timeout-ms", "2000"],
                "redis.command-timeout-ms, 2000, must be less than outage.gap-ms, 2000, or one lost answer would count as "
                    + "an outage; redis.command-timeout-ms is set by --redis-command-timeout-ms; outage.gap-ms is set by "
                    + "--outage-gap-ms."
            ),
            (
                ["--outage-gap-ms", "35000"],
                "outage.gap-ms, 35000, must be less than the heartbeat timeout of MiniProgram minus its interval, 60000 - "
                    + "25000 ms, or an outage could end sessions unnoticed; outage.gap-ms is set by --outage-gap-ms; "
                    + "heartbeat.browser-timeout-ms is the default; heartbeat.browser-interval-ms is the default."
            ),
        ])
    func ofSeveral(_ flags: [String], _ sentence: String) throws {
        #expect(try refusal(flags) == sentence)
    }

    @Test("of the state's folder is told where there is no home")
    func noHome() throws {
        #expect(
            try refusal([], ["HOME": "", "XDG_STATE_HOME": "relative"])
                == "There is no home folder to keep state in: set state.folder or redis.url.")
    }

    @Test(
        "about a platform of the file names it",
        arguments: [
            ("TV: {push: true}", "platforms.TV.class must be given for a new platform."),
            (
                "a b: {class: mobile}",
                "platforms.\"a b\" is no platform: its name must be 1 to 32 letters or digits."
            ),
            (
                "Mac: {counts-as: MiniProgram}",
                "platforms.Mac.counts-as is \"MiniProgram\" but must be a platform that counts as itself; it is set in "
                    + "PATH, line 1, column 30."
            ),
        ])
    func ofPlatforms(_ platform: String, _ sentence: String) throws {
        try withFile("c.yaml", "platforms: {\(platform)}") { path in
            let message = try refusal(["--config", path])
            #expect(message.replacing(path, with: "PATH") == sentence)
        }
    }
}
