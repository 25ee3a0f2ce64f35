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
        try withFile("c.json", #"{"port": 1, "redis": {"prefix": "file"}, "shards": 7}"#) { path in
            let configuration = try configure(
                ["--config", path, "--port", "3"], ["PRESENCE_PORT": "2", "PRESENCE_REDIS_PREFIX": "environment"])
            #expect(configuration.port == 3)
            #expect(configuration.redisPrefix == "environment")
            #expect(configuration.shards == 7)
        }
    }

    @Test("A flag may be written with a space or an equals sign", arguments: [["--port", "9"], ["--port=9"]])
    func flagForms(_ flags: [String]) throws {
        #expect(try configure(flags).port == 9)
    }

    @Test("Commas in a value that is no list belong to it")
    func commas() throws {
        let configuration = try configure(
            ["--app-secret-key", "a,b", "--app-id", "1"], ["PRESENCE_APP_ADMINS": "x, y"])
        #expect(configuration.app.secretKey == "a,b")
        #expect(configuration.app.admins == ["x", "y"])
    }

    @Test("An empty value is none")
    func empty() throws {
        #expect(try configure([], ["PRESENCE_CALLBACK_URL": "", "PRESENCE_PORT": " \n"]).callback == nil)
        #expect(try configure(["--port="], ["PRESENCE_PORT": "9"]).port == 9)
    }

    @Test("A boolean flag may stand alone")
    func booleans() throws {
        #expect(try configure(["--redis-allow-eviction"]).redisAllowsEviction)
        #expect(try configure(["--redis-allow-eviction", "--port", "1"]).redisAllowsEviction)
        #expect(try !configure(["--redis-allow-eviction", "false"]).redisAllowsEviction)
    }

    @Test("The documentation's table is the table of the code")
    func documentation() throws {
        let page = try DocumentationPage.named("Configuration")
        #expect(page.text.contains(ConfigurationKey.markdownTable), "print it with: presence configuration")
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

    @Test("The product tells its version")
    func version() async throws {
        #expect(try await PresenceProcess.command(["--version"]) == PresenceVersion.current + "\n")
    }

    @Test("presence configuration show says what counts and where it is set, and no secret")
    func show() async throws {
        let shown = try await PresenceProcess.command([
            "configuration", "show", "--port", "9000", "--redis-url", "redis://:swordfish@h",
        ])
        #expect(shown.contains("port = 9000 (set by --port)\n"))
        #expect(shown.contains("redis.url = (secret) (set by --redis-url)\n"))
        #expect(shown.contains("shards = 128 (default)\n"))
        #expect(!shown.contains("swordfish"))
        let variables = try await PresenceProcess.command(
            ["configuration", "show"], environment: ["PRESENCE_CALLBACKS": "x", "PRESENCE_PORT": "9"])
        #expect(variables.contains("port = 9 (set by PRESENCE_PORT)\n"))
        #expect(variables.contains("presence: PRESENCE_CALLBACKS is no variable of this service: no effect.\n"))
        let refused = try await PresenceProcess.command(["configuration", "show", "--outage-gap-ms", "900"])
        #expect(refused.contains("outage.gap-ms is \"900\""))
    }
}
