import Gateway
import Support
import Testing

@testable import presence

@Suite("Configuration: a wrong value")
struct ConfigurationRefusalTests {
    @Test(
        "is named, with what is accepted",
        arguments: [
            (["serve"], "The first word belongs to no flag; quote values that hold spaces."),
            (["--auth-api-keys", "one,", "sekret"], "A word after --auth-api-keys belongs to no flag"),
            (["--colour", "red"], "There is no flag --colour; presence serve --help shows"),
            (["--callback-ulr", "x"], "There is no flag --callback-ulr; is --callback-url meant?"),
            (["--port"], "--port needs a value"), (["--port", "--host"], "--port needs a value"),
            (["--port", "x"], "port is \"x\" but must be a whole number from 0 to 65535; it is set by --port."),
            (["--port", "1", "--port", "2"], "--port is given more than once"),
            (["--app-admins", "a", "--app-admins", "b"], "--app-admins is given more than once: give it once, with"),
            (["--port", "65536"], "port is \"65536\""), (["--shards", "0"], "from 1 to 4096"),
            (["--redis-prefix", "a{b"], "redis.prefix is \"a{b\" but must be 1 to 32 of A-Z a-z 0-9 _ -"),
            (["--callback-url", "nowhere"], "callback.url must be an http or https URL; it is set by --callback-url."),
            (["--callback-url", "http://a", "--callback-webhook-secrets", "no"], "callback.webhook-secrets"),
            (["--callback-url", "https://a", "--callback-ca-file", "/x"], "callback.ca-file is \"/x\" but must be"),
            (["--callback-url", "https://a", "--callback-ca-file", "/etc/passwd"], "must be a PEM file"),
            (["--login-policy", "solo"], "one of single, dual, triple, multi"),
            (["--redis-allow-eviction", "yes"], "must be true or false"),
            (["--host", "http://0.0.0.0"], "host is \"http://0.0.0.0\" but must be an address or a name, without"),
            (["--host", "localhost:80"], "must be an address or a name"),
            (["--host", "[::1]"], "must be an address or a name"),
            (["--host", "256.1.1.1"], "must be an address or a name"),
            (["--host", "127.1"], "must be an address or a name"),
            (["--host", "0x7f000001"], "must be an address or a name"),
            (["--host", "a..b"], "must be an address or a name"), (["--host", "a b"], "must be an address or a name"),
            (
                ["--connect-address-header", "a b"],
                "connect.address-header is \"a b\" but must be the name of one header"
            ),
            (["--connect-address-header", "X-Real-IP:"], "connect.address-header"),
            (
                ["--redis-url", "unix:///x?db=99999999999"],
                "redis.url has a database that is not a number from 0 to 2147483646; it is set by --redis-url."
            ),
            (["--connect-keepalive-ms", "999"], "connect.keepalive-ms is \"999\" but must be 0 for none, or a whole"),
            (["--auth-api-keys", "a,,b"], "auth.api-keys has an empty entry"),
            (["--auth-api-keys", "a,"], "auth.api-keys has an empty entry"),
            (
                ["--app-id", "1", "--app-secret-key", "k", "--app-admins", String(repeating: "x", count: 129)],
                "app.admins"
            ),
            (
                ["--connect-jwt-public-keys", "/nowhere.pem"],
                "names \"/nowhere.pem\", which cannot be read: No such file"
            ),
            (
                ["--connect-jwt-public-keys", "/etc/passwd"],
                "connect.jwt-public-keys names \"/etc/passwd\", which is no PEM of a public key, P-256 or RSA of at least "
                    + "2048 bits; it is set by --connect-jwt-public-keys."
            ),
            (
                ["--config", "/nowhere.json"],
                "config names \"/nowhere.json\", which cannot be read: No such file or directory; it is set by --config."
            ),
            (["--config", "/"], "names \"/\", which cannot be read: Is a directory"),
            (["--config", "/dev/zero"], "is longer than"),
        ])
    func refusals(_ flags: [String], _ sentence: String) throws {
        let message = try refusal(flags)
        #expect(message.contains(sentence), "\(message)")
    }

    @Test("of config is told with the variable that names the file")
    func config() throws {
        let message = try refusal([], ["PRESENCE_CONFIG": "/nowhere.yaml"])
        #expect(message.hasSuffix("which cannot be read: No such file or directory; it is set by PRESENCE_CONFIG."))
    }

    @Test("of login.limits is told with the platforms there are")
    func limits() throws {
        for (entries, sentence) in [
            ("Amiga=1", "login.limits is \"Amiga=1\" but must be a platform's name, = and a number from 1 to 100"),
            ("Amiga=1", "Android, Linux, Mac, Web, Windows, iPad, iPhone"), ("Web=0", "login.limits"),
            ("Web=+1", "login.limits"), ("MiniProgram=2", "must be set for Web"),
            ("Web=1,Web=2", "the only limit of Web"),
            ("iOS=1,iPhone=1", "the only limit of iPhone"),
        ] {
            let message = try refusal(["--login-limits", entries])
            #expect(message.contains(sentence), "\(message)")
        }
    }

    @Test(
        "of connect.address-header is a header that says something else than an address",
        arguments: [
            "Host", "connection", "COOKIE", "X-Forwarded-Proto", "Sec-WebSocket-Key", "If-Match", "Content-Length",
            "Via",
        ])
    func addressHeaders(_ name: String) throws {
        #expect(
            try refusal(["--connect-address-header", name])
                == "connect.address-header is \"\(name)\" but must be a header that holds the client's address, as "
                + "X-Forwarded-For: this one says other things; it is set by --connect-address-header.")
    }

    @Test(
        "of connect.address-header is none that a proxy puts the address in",
        arguments: [
            "X-Forwarded-For", "forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP",
            "X-Client-IP", "X-Envoy-External-Address", "X-Azure-ClientIP", "X-Original-Forwarded-For",
        ])
    func goodAddressHeaders(_ name: String) throws {
        #expect(try configure(["--connect-address-header", name]).connect.addressHeader == name)
    }

    @Test("of connect.origins is one that no browser sends; others count as browsers send them")
    func origins() throws {
        #expect(
            try configure(["--connect-origins", "https://Example.org:443/, http://localhost:8000"]).connect.origins
                == ["https://example.org", "http://localhost:8000"])
        #expect(
            try refusal(["--connect-origins", "*"])
                == "connect.origins is \"*\" but must be left out if pages of all origins may connect; it is set by "
                + "--connect-origins.")
    }

    /// A pause of less than two rounds made every sweep a grace, so that nobody was ever lost.
    @Test(
        "is one out of the range that makes sense for the key",
        arguments: [
            ("outage.gap-ms", 900, 2_000), ("outage.gap-ms", 1_999, 2_000),
            ("redis.command-timeout-ms", 10, 50),
            ("redis.command-timeout-ms", 60_000, 2_500), ("heartbeat.browser-interval-ms", 10, 100),
            ("heartbeat.mobile-interval-ms", 86_400_000, 3_600_000), ("heartbeat.desktop-timeout-ms", 999, 1_000),
            ("heartbeat.mobile-timeout-ms", 31_536_000_000, 86_400_000), ("push.retention-ms", 10, 1_000),
            ("offline.retention-ms", 999, 1_000), ("events.retention-ms", 31_536_000_000, 2_592_000_000),
            ("callback.timeout-ms", 10, 100), ("callback.timeout-ms", 60_000, 30_000),
            ("app.usersig-max-age-ms", 1_000, 60_000),
        ])
    func ranges(_ name: String, _ wrong: Int, _ bound: Int) throws {
        let key = try #require(ConfigurationKey.all.first { $0.name == name })
        let message = try refusal([key.flag, "\(wrong)"], ["PRESENCE_CALLBACK_URL": "http://h/"])
        #expect(message.contains("\(name) is \"\(wrong)\" but must be a whole number from "), "\(message)")
        #expect(message.contains(" \(bound)"), "\(message)")
        #expect(key.accepts("\(bound)"))
    }

    @Test("is a number in any but its usual form", arguments: ["+9", "09", "9.0", "9e0", "0x9", "٩", "-9", "9_0"])
    func numbers(_ text: String) throws {
        #expect(try refusal(["--port", text]).contains("port is"))
    }

    @Test("A variable that is a slip away from ours stops the start; what only begins like ours is named")
    func variables() throws {
        #expect(
            try refusal([], ["PRESENCE_CALLBACK_ULR": "http://a"])
                == "There is no variable PRESENCE_CALLBACK_ULR; is PRESENCE_CALLBACK_URL meant? Otherwise unset it.")
        let others = ["PRESENCE_PLATFORMS_TV_CLASS": "desktop", "PRESENCE_PORT": "1", "HOME": "/"]
        #expect(try configure([], others).port == 1)
        #expect(ConfigurationSources.unknownVariables(in: others) == ["PRESENCE_PLATFORMS_TV_CLASS"])
    }

    @Test("What Kubernetes sets for services of the namespace is no mistake, except in the place of the port")
    func serviceLinks() throws {
        var links = [
            "PRESENCE_SERVICE_HOST": "10.0.0.1", "PRESENCE_SERVICE_PORT": "80", "PRESENCE_SERVICE_PORT_HTTP": "80",
            "PRESENCE_PORT_80_TCP": "tcp://10.0.0.1:80", "PRESENCE_PORT_80_TCP_ADDR": "10.0.0.1",
            "PRESENCE_REDIS_PORT": "tcp://10.0.0.2:6379", "PRESENCE_REDIS_SERVICE_HOST": "10.0.0.2",
        ]
        #expect(try configure([], links).port == 8080)
        #expect(ConfigurationSources.unknownVariables(in: links).isEmpty)
        links["PRESENCE_PORT"] = "tcp://10.0.0.1:80"
        let message = try refusal([], links)
        #expect(message.contains("port is an address because Kubernetes sets PRESENCE_PORT"), "\(message)")
        #expect(message.contains("enableServiceLinks: false"))
        #expect(try configure(["--port", "9"], links).port == 9, "a flag beats it")
    }
}
