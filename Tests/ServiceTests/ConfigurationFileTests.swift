import Callbacks
import Foundation
import Logging
import PresenceCore
import Support
import Testing

@testable import presence

@Suite("Configuration file")
struct ConfigurationFileTests {
    @Test("JSON and YAML say the same", arguments: ["json", "yaml"])
    func kinds(_ kind: String) throws {
        let text =
            kind == "json"
            ? """
            {"login": {"limits": ["Web=10", "iOS=3"], "policy": "multi"},
            \t"callback": {"url": "http:\\/\\/a\\/\\u0061", "send-kicked": false}, "auth": {"api-keys": [12345, "a,b"]},
            "heartbeat": {"browser-interval-ms":10000}, "platforms": {"HarmonyOS": {"class": "mobile",
            "timeout-ms": 300000}, "Mac": {"push": true}, "iPad": {"counts-as": "iOS"}}, "log": {"level": null}}
            """
            : """
            login: {limits: [Web=10, iOS=3], policy: multi}
            callback: {url: "http://a/a", send-kicked: false}
            auth: {api-keys: [12345, "a,b"]}
            heartbeat.browser-interval-ms: 10000
            platforms:
              HarmonyOS: {class: mobile, timeout-ms: 300000}
              Mac: {push: true}
              iPad: {counts-as: iOS}
            log:
              level: ~
            """
        try withFile("c.\(kind)", text) { path in
            let configuration = try configure(["--config", path])
            #expect(configuration.login.instances == [.web: 10, .iPhone: 3])
            #expect(configuration.login.policy == .multi)
            #expect(configuration.apiKeys == ["12345", "a,b"], "each entry is a key, whatever its type")
            #expect(configuration.callback?.extensions == [.expired])
            #expect(configuration.logLevel == .info, "null is not set")
            #expect(
                configuration.platforms[.miniProgram].heartbeat
                    == HeartbeatTiming(intervalMs: 10_000, timeoutMs: 60_000))
            let harmony = try Platform("HarmonyOS")
            #expect(
                configuration.platforms.traits[harmony]
                    == PlatformTraits(
                        platformClass: .mobile, heartbeat: HeartbeatTiming(intervalMs: 120_000, timeoutMs: 300_000),
                        hasPush: true, countsAs: harmony))
            #expect(configuration.platforms[.mac].hasPush)
            #expect(configuration.platforms[.iPad].countsAs == .iPhone)
        }
    }

    @Test(
        "that is empty sets nothing",
        arguments: ["", "\n", "# nothing yet\n", "null", "{}", "---\n", "callback:\n", "port: #8081"])
    func empty(_ text: String) throws {
        let configuration = try withFile("c.yaml", text) { try configure(["--config", $0]) }
        #expect(configuration.port == 8080)
    }

    @Test(
        "that is wrong is named, with line, column and cause",
        arguments: [
            ("{\"port\": 1,\n  \"shards\" 7}", "line 2, column 12: this is not JSON or YAML: "),
            ("{\"port\": 1", "line 2, column 1: this is not JSON or YAML: "),
            ("port: 1\n  shards: 7\n", "line 2, column 9: this is not JSON or YAML: mapping values are not allowed"),
            ("port: 1\n\tshards: 7\n", "line 2, column 1: this is not JSON or YAML: "),
            ("port: 1\n\u{1}", "line 2, column 1: this is not JSON or YAML: control characters are not allowed"),
            ("---\nport: 1\n---\nport: 2\n", "line 3, column 1: this is not JSON or YAML: "),
            ("port: 1\nport: 2\n", "line 1, column 1: \"port\" stands more than once"),
            ("{\"port\": 1,\n \"port\": 2}", "\"port\" stands more than once"),
            (
                "redis:\n  prefix: a\nredis.prefix: b\n",
                "line 3, column 15: \"redis.prefix\" stands here for the second time"
            ),
            ("[1, 2]", "line 1, column 1: a configuration file must hold keys and values"),
            ("8080", "line 1, column 1: a configuration file must hold keys and values"),
            ("callback: http://h/", "line 1, column 11: \"callback\" must hold keys, not a value"),
            ("? [a]\n: 1", "line 1, column 3: a key must be text"),
            (
                "port:\n  number: 1",
                "port must be a whole number from 0 to 65535, not keys or lists within; it is set in"
            ),
            ("port: [1]", "port must be a whole number from 0 to 65535, not a list; it is set in"),
            ("auth: {api-keys: [[a]]}", "auth.api-keys must be a comma-separated list, not keys or lists within"),
            ("auth: {api-keys: [a, null]}", "auth.api-keys must be a comma-separated list, not keys or lists within"),
            ("auth: {api-keys: [a, '']}", "auth.api-keys has an empty entry"),
            ("app: {secret-key: !abc def}", "line 1, column 19: anchors and tags are not understood: quote a value"),
            ("app: {secret-key: &abc def}", "line 1, column 19: anchors and tags are not understood"),
            ("app: {secret-key: &abc }", "line 1, column 19: anchors and tags are not understood"),
            ("app: {secret-key: *abc }", "line 1, column 19: this is not JSON or YAML: found undefined alias"),
            (
                "app:\n  secret-key: abc #def",
                "line 2, column 15: # begins a comment: put it in a line of its own, or quote"
            ),
            ("app:\n  secret-key: #abc", ": # begins a comment"),
            ("auth: {api-keys: [a, b #c\n]}", ": # begins a comment"),
            ("\nport: x", "port is \"x\" but must be a whole number from 0 to 65535; it is set in"),
            ("\nport: x", ", line 2, column 7."),
        ])
    func wrong(_ text: String, _ sentence: String) throws {
        try withFile("c.yaml", text) { path in
            let message = try refusal(["--config", path])
            #expect(message.contains(sentence) && message.contains(path), "\(message)")
        }
    }

    @Test(
        "with a key that does not exist is refused, naming the nearest that does",
        arguments: [
            ("colour: 1", "line 1, column 1: there is no key \"colour\"; presence serve --help shows all"),
            (
                "port: 1\ncallback: {uri: x}",
                "line 2, column 12: there is no key \"callback.uri\", is callback.url meant?"
            ),
            ("config: x", "there is no key \"config\"; presence"), ("colour: null", "there is no key \"colour\""),
            ("platforms: {Mac: {x: 1}}", "there is no key \"platforms.Mac.x\"; presence"),
            ("platforms: {Mac: {pusch: true}}", "\"platforms.Mac.pusch\", is platforms.Mac.push meant?"),
            ("platforms: {Mac: true}", "\"platforms.Mac\" must hold keys, not a value"),
            ("<<: {port: 1}", "there is no key \"<<\""), ("a: {b: {c: {d: 1}}}", "there is no key \"a\""),
        ])
    func unknownKeys(_ text: String, _ sentence: String) throws {
        try withFile("c.yaml", text) { path in
            let message = try refusal(["--config", path])
            #expect(message.contains(sentence), "\(message)")
        }
    }

    @Test("shows nothing of what it holds when it cannot be read")
    func hidden() throws {
        for text in [
            "app: {secret-key: \"swordfish\n", "app: {secret-key: 'swordfish' x: 1}", "app: swordfish: 1",
            "app: {secret-key: *swordfish }", "app: {secret-key: {swordfish: 1}}",
            "app: {id: 1, secret-key: @swordfish}",
        ] {
            try withFile("c.yaml", text) { path in
                let message = try refusal(["--config", path])
                #expect(!message.isEmpty && !message.contains("swordfish"), "\(message)")
            }
        }
    }

    @Test("nested without end, in another encoding, or too long is refused")
    func hostile() throws {
        for data in [
            Data(String(repeating: "[", count: 100_000).utf8), Data(String(repeating: "{a: ", count: 100_000).utf8),
            Data("port: 1".utf16.flatMap { [UInt8($0 & 0xFF), 0] }), Data([0xFF, 0xFE]),
            Data(String(repeating: "# nothing\n", count: 200_000).utf8),
        ] {
            try withFile("c.yaml", data) { path in
                let message = try refusal(["--config", path])
                #expect(message.contains(path), "\(message)")
            }
        }
    }
}
