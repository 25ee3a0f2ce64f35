import Callbacks
import Foundation
import PresenceCore
import RedisClient
import Support
import Testing

@testable import presence

@Suite("Configuration")
struct ConfigurationTests {
    @Test("Without any setting the service has the documented defaults")
    func defaults() throws {
        let configuration = try configure()
        #expect(configuration.host == "127.0.0.1")
        #expect(configuration.port == 8080)
        #expect(configuration.redis == nil)
        #expect(configuration.redisPrefix == "presence")
        #expect(configuration.shards == 128)
        #expect(configuration.stateFolder == "/home/someone/.local/state/presence")
        #expect(configuration.login.policy == .single)
        #expect(configuration.login.onLimit == .kick)
        #expect(configuration.login.instances.isEmpty)
        #expect(configuration.platforms.traits == PlatformTable.builtIn)
        #expect(configuration.pushRetentionMs == 604_800_000)
        #expect(configuration.callback == nil)
        #expect(configuration.outageGapMs == 15_000)
        #expect(configuration.bodyBytesMax == 1_048_576)
        #expect(configuration.app.admins == ["administrator"])
    }

    @Test("A flag beats the environment, the environment beats the file")
    func precedence() throws {
        let file = try file("c.json", #"{"port": 1, "redis": {"prefix": "file"}, "shards": 7}"#)
        defer { removeFolder(file.folder) }
        let configuration = try configure(
            ["--config", file.path, "--port", "3"], ["PRESENCE_PORT": "2", "PRESENCE_REDIS_PREFIX": "environment"])
        #expect(configuration.port == 3)
        #expect(configuration.redisPrefix == "environment")
        #expect(configuration.shards == 7)
    }

    @Test("A flag may be written with a space or an equals sign", arguments: [["--port", "9"], ["--port=9"]])
    func flagForms(_ flags: [String]) throws {
        #expect(try configure(flags).port == 9)
    }

    @Test("Commas in a value that is no list belong to it")
    func commas() throws {
        let configuration = try configure(["--app-secret-key", "a,b"], ["PRESENCE_APP_ADMINS": "x, y"])
        #expect(configuration.app.secretKey == "a,b")
        #expect(configuration.app.admins == ["x", "y"])
    }

    @Test("An empty value is none")
    func empty() throws {
        #expect(try configure([], ["PRESENCE_CALLBACK_URL": "", "PRESENCE_PORT": ""]).callback == nil)
    }

    @Test("A boolean flag may stand alone")
    func booleans() throws {
        #expect(try configure(["--redis-allow-eviction"]).redisAllowsEviction)
        #expect(try configure(["--redis-allow-eviction", "--port", "1"]).redisAllowsEviction)
        #expect(try !configure(["--redis-allow-eviction", "false"]).redisAllowsEviction)
    }

    @Test("JSON and YAML say the same", arguments: ["json", "yaml"])
    func files(_ kind: String) throws {
        let text =
            kind == "json"
            ? """
            {"login": {"limits": ["Web=10", "iOS=3"], "policy": "multi"}, "callback": {"url": "http://a/", \
            "send-kicked": false}, "auth": {"api-keys": [12345, 67890]}, "heartbeat": {"browser-interval-ms": 10000}, "platforms": {"HarmonyOS": \
            {"class": "mobile", "timeout-ms": 300000}, "Mac": {"push": true}, "iPad": {"counts-as": "iPhone"}}}
            """
            : """
            login: {limits: [Web=10, iOS=3], policy: multi}
            callback: {url: "http://a/", send-kicked: false}
            auth: {api-keys: [12345, 67890]}
            heartbeat: {browser-interval-ms: 10000}
            platforms:
              HarmonyOS: {class: mobile, timeout-ms: 300000}
              Mac: {push: true}
              iPad: {counts-as: iPhone}
            """
        let file = try file("c.\(kind)", text)
        defer { removeFolder(file.folder) }
        let configuration = try configure(["--config", file.path])
        #expect(configuration.login.instances == [.web: 10, .iPhone: 3])
        #expect(configuration.login.policy == .multi)
        #expect(configuration.apiKeys == ["12345", "67890"], "numbers in a list are keys too, not nothing")
        #expect(configuration.callback?.extensions == [.expired])
        #expect(
            configuration.platforms[.miniProgram].heartbeat == HeartbeatTiming(intervalMs: 10_000, timeoutMs: 60_000))
        let harmony = try Platform("HarmonyOS")
        #expect(
            configuration.platforms.traits[harmony]
                == PlatformTraits(
                    platformClass: .mobile, heartbeat: HeartbeatTiming(intervalMs: 120_000, timeoutMs: 300_000),
                    hasPush: true, countsAs: harmony))
        #expect(configuration.platforms[.mac].hasPush)
        #expect(configuration.platforms[.iPad].countsAs == .iPhone)
    }

    @Test("A variable that only looks like ours is named")
    func unknownVariables() {
        let environment = [
            "PRESENCE_CALLBACK_ULR": "http://a", "PRESENCE_PLATFORMS_TV_CLASS": "desktop", "PRESENCE_PORT": "1",
            "HOME": "/",
        ]
        #expect(
            ConfigurationSources.unknownVariables(in: environment)
                == ["PRESENCE_CALLBACK_ULR", "PRESENCE_PLATFORMS_TV_CLASS"])
    }

    @Test(
        "What is wrong is named, with what is accepted",
        arguments: [
            (["--colour", "red"], "There is no flag --colour"), (["serve"], "A word after serve belongs to no flag"),
            (["--auth-api-keys", "one,", "sekret"], "A word after --auth-api-keys belongs to no flag"),
            (["--port"], "--port needs a value"), (["--port", "--host"], "--port needs a value"),
            (["--port", "x"], "port is \"x\" but must be a whole number from 0 to 65535"),
            (["--port", "1", "--port", "2"], "port is \"1,2\""),
            (["--port", "65536"], "port is \"65536\""), (["--shards", "0"], "from 1 to 4096"),
            (["--redis-prefix", "a{b"], "redis.prefix is \"a{b\" but must be 1 to 32 of A-Z a-z 0-9 _ -"),
            (["--redis-url", "rediss://h"], "redis.url"), (["--callback-url", "nowhere"], "callback.url"),
            (["--callback-url", "http://a", "--callback-webhook-secrets", "no"], "callback.webhook-secrets"),
            (["--callback-url", "https://a", "--callback-ca-file", "/x"], "callback.ca-file is \"/x\" but must be"),
            (["--callback-url", "https://a", "--callback-ca-file", "/etc/passwd"], "must be a PEM file"),
            (["--callback-url", "http://a", "--callback-ca-file", "/x"], "callback.ca-file is set but callback.url"),
            (["--login-policy", "solo"], "one of single, dual, triple, multi"),
            (["--login-limits", "Amiga=1"], "login.limits is \"Amiga=1\""),
            (["--login-limits", "Web=0"], "login.limits"),
            (["--login-limits", "MiniProgram=2"], "must be set for Web"),
            (["--redis-allow-eviction", "yes"], "must be true or false"),
            (["--host", "0.0.0.0"], "set auth.api-keys"), (["--host", "127.evil.example"], "set auth.api-keys"),
            (["--heartbeat-mobile-timeout-ms", "239999"], "must be at least twice the interval"),
            (["--connect-keepalive-ms", "999"], "connect.keepalive-ms is \"999\" but must be 0 for none, or a whole"),
            (["--connect-jwt-audience", "a"], "connect.jwt-audience is set but no JWT can be verified"),
            (["--connect-jwt-issuer", "a"], "connect.jwt-issuer is set but no JWT can be verified"),
            (["--outage-gap-ms", "35000"], "outage.gap-ms, 35000, must be less"),
            (["--config", "/nowhere.json"], "/nowhere.json cannot be read"),
        ])
    func refusals(_ flags: [String], _ sentence: String) throws {
        let error = try #require(throws: StartError.self) { try configure(flags) }
        #expect(error.message.contains(sentence), "\(error.message)")
    }

    @Test(
        "A key of the file that does not exist is named",
        arguments: [
            #"{"colour": 1}"#, #"{"callback": {"uri": "x"}}"#, #"{"config": "x"}"#,
            #"{"platforms": {"Mac": {"x": 1}}}"#,
        ])
    func unknownKeys(_ text: String) throws {
        let file = try file("c.json", text)
        defer { removeFolder(file.folder) }
        let error = try #require(throws: StartError.self) { try configure(["--config", file.path]) }
        #expect(error.message.contains("There is no key"), "\(error.message)")
    }

    @Test("A secret is never in a refusal", arguments: ["--redis-url", "--callback-url"])
    func secrets(_ flag: String) throws {
        let error = try #require(throws: StartError.self) { try configure([flag, "swordfish"]) }
        #expect(!error.message.contains("swordfish"), "\(error.message)")
    }

    @Test("The README's table is the table of the code")
    func readme() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        #expect(readme.contains(ConfigurationKey.markdownTable), "print it with: presence configuration")
    }

    @Test("A start that cannot be ends with a sentence and its own status")
    func exitStatus() async throws {
        let folder = try temporaryFolder("exit")
        defer { removeFolder(folder) }
        for (flags, status) in [(["--colour"], 64), (["--port", "x"], 78)] {
            let child = try ChildProcess(
                [PresenceProcess.binary, "serve"] + flags, folder: folder, log: "\(status).log")
            try await eventually(else: "presence still runs") { !child.isRunning }
            #expect(child.exitStatus == Int32(status))
            #expect(child.log.hasPrefix("presence: "))
            #expect(child.log.split(separator: "\n").count == 1)
        }
    }

    private func configure(
        _ flags: [String] = [], _ environment: [String: String] = [:]
    ) throws -> ServiceConfiguration {
        try ServiceConfiguration(flags: flags, environment: ["HOME": "/home/someone"].merging(environment) { $1 })
    }

    private func file(_ name: String, _ text: String) throws -> (path: String, folder: String) {
        let folder = try temporaryFolder("configuration")
        try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
        return ("\(folder)/\(name)", folder)
    }
}
