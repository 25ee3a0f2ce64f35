import Foundation
import Support
import Testing

@Suite("The log as JSON", .timeLimit(.minutes(2)))
struct JSONLogTests {
    private static let hostile = [
        #"a"b\"#, "a b=c", "line\u{2028}paragraph\u{2029}", "\",\"level\":\"fatal", "\u{202E}x",
        "\u{1F468}\u{200D}\u{1F469}",
        "\\u0000", "} {", "e\u{301}", "%0a%0d",
    ]

    @Test("Every line of a worker's life is an object, whoever is named in it")
    func lines() async throws {
        try await Deployment.with(workers: 1, ["log.format": "json"]) { deployment in
            for user in Self.hostile {
                let answer = try await deployment.backend.call(
                    .post, "/v1/sessions", body: Backend.json(["user": user, "platform": "Web"]))
                #expect(answer.status == 201)
                let path = "/v1/users/\(user.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")/kick"
                let kick = try await deployment.backend.call(
                    .post, path, body: Backend.json(["reason": user]), headers: [("X-Request-Id", "kick")])
                #expect(kick.status == 200)
            }
            _ = try await deployment.workers[0].reload()
            try await deployment.workers[0].stop()
            let log = deployment.workers[0].log
            let lines = log.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.last == "")
            var kicked: [String] = []
            for line in lines.dropLast() {
                let object = try JSON(parsing: String(line))
                let time = object["time"].string ?? ""
                #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(line)")
                #expect(
                    ["debug", "info", "notice", "warning", "error"].contains(object["level"].string ?? ""), "\(line)")
                #expect(object["message"].string?.isEmpty == false && object["source"].string?.isEmpty == false)
                let names = object.members.keys
                // Libraries have names of their own.
                if object["source"].string != "ServiceLifecycle" {
                    #expect(names.allSatisfy { $0.wholeMatch(of: /[a-z]+(_[a-z]+)*/) != nil }, "\(line)")
                }
                guard object["message"].string == "audit" else { continue }
                #expect(object["action"].string == "kick" && object["outcome"].string == "done")
                #expect(object["actor"].string == "anybody, as there are no keys")
                #expect(object["request_id"].string == "kick" && object["reason"] == object["user"])
                kicked.append(object["user"].string ?? "")
            }
            let isSame = kicked.map { Array($0.unicodeScalars) } == Self.hostile.map { Array($0.unicodeScalars) }
            #expect(isSame, "\(kicked)")
        }
    }

    @Test("Why it does not start is one of its lines, once it is known that they are JSON")
    func startError() async throws {
        let (output, status) = try await PresenceProcess.end(
            of: ["serve", "--log-format", "json", "--port", "none"])
        #expect(status == 78)
        let object = try JSON(parsing: output)
        #expect(object["level"].string == "critical")
        #expect(object["message"].string?.hasPrefix("port is \"none\"") == true)
        let plain = try await PresenceProcess.end(of: ["serve", "--log-format", "jsn"])
        #expect(plain.output.hasPrefix("presence: log.format is \"jsn\" but must be one of text, json"))
    }
}
