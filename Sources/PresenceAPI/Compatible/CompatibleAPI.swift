import HTTPServer
import JSON
import Logging
import Logs
import NIOCore
import NIOHTTP1
import PresenceStore

/// Answers everything under `/v4` as Tencent Cloud Chat does: always with HTTP status 200, the outcome in the body.
///
/// Checks run in this order, and the first that fails gives the code: method (60002), command (60009), query
/// parameters given twice (60002), sdkappid (60012, 60006), identifier (60004), usersig (60005, then 70003, 70014,
/// 70013, 70009, 70001), administrator (90009, 70403), body (60002 too large, 60003 no JSON object), its members
/// (90001, 90003, 90011, 70402), Redis (90992, 70500).
struct CompatibleAPI: Sendable {
    let store: PresenceStore
    var app: CompatibleApp
    let routes: CompatibleRoutes
    /// Why Redis may not be asked yet, as a sentence; nil once it may.
    let closed: @Sendable () -> String?
    let logger: Logger

    static func isPath(_ path: Substring) -> Bool { path.split(separator: "/").first == "v4" }

    /// What the head says comes before the body.
    func decide(_ request: inout HTTPServerRequest) -> HTTPServerDecision {
        let path = request.path.split(separator: "/").dropFirst().joined(separator: "/")
        let named = CompatibleCommand(rawValue: path)
        request.route = routes.figures(request.method, named)
        do {
            let (command, caller) = try check(named, request)
            if let reason = closed() { throw Problem(.redisUnavailable, reason) }
            request.identify(isNeeded: command == .kick)
            let decision = HTTPServerDecision.handle { request in
                do {
                    return .compatible(members: try await answer(command, request, of: caller))
                } catch {
                    return failed(error, command, request)
                }
            }
            return decision.identified(by: request.id)
        } catch {
            return .answer(failed(error, named, request))
        }
    }

    private func check(
        _ command: CompatibleCommand?, _ request: HTTPServerRequest
    ) throws -> (CompatibleCommand, caller: String) {
        guard request.method == .POST || request.method == .GET else {
            throw CompatibleFailure(.badRequest, "Use POST.")
        }
        guard let command else {
            let known = CompatibleCommand.allCases.map { "v4/\($0.rawValue)" }.joined(separator: ", ")
            throw CompatibleFailure(.unknownCommand, "The commands are \(known).")
        }
        return (command, try CompatibleCaller(request.query).check(for: command, of: app))
    }

    private func answer(
        _ command: CompatibleCommand, _ request: HTTPServerRequest, of caller: String
    ) async throws -> CompatibleMembers {
        switch command {
        case .queryOnlineStatus, .queryState: try await query(request)
        case .kick: try await kick(request, by: "administrator \(caller)")
        case .accountCheck: try accountCheck(request)
        }
    }

    private func failed(
        _ error: any Error, _ command: CompatibleCommand?, _ request: HTTPServerRequest
    ) -> HTTPServerResponse {
        let id = request.identified.id
        let failure = CompatibleFailure(error, of: command)
        logger.log(
            level: failure.isOurs ? .error : .debug, "compatible call failed",
            metadata: .keyed([
                .command: "\(command?.rawValue ?? "unknown")", .code: "\(failure.code)",
                .error: failure.underlying.map { "\($0)" } ?? "none", .requestID: "\(id)",
            ]))
        return .compatible(failure).identified(by: id)
    }
}

/// What an answer has beside the outcome.
typealias CompatibleMembers = (inout JSONWriter) -> Void

extension HTTPServerResponse {
    static func compatible(_ failure: CompatibleFailure) -> HTTPServerResponse {
        .compatible(code: failure.code, info: failure.info)
    }

    /// The form of every answer.
    static func compatible(
        code: Int = 0, info: String = "", members: CompatibleMembers = { _ in }
    ) -> HTTPServerResponse {
        var json = JSONWriter()
        json.object {
            $0.member("ActionStatus", code == 0 ? "OK" : "FAIL")
            $0.member("ErrorInfo", info)
            $0.member("ErrorCode", code)
            members(&$0)
        }
        return HTTPServerResponse(.ok, headers: [("Content-Type", "application/json")], body: json.buffer)
    }
}
