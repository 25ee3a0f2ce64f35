import Hummingbird
import JSON
import Logging
import NIOCore
import PresenceStore

/// Answers everything under `/v4` as Tencent Cloud Chat does: always with HTTP status 200, the outcome in the body.
///
/// Checks run in this order, and the first that fails gives the code: method (60002), command (60009), query
/// parameters given twice (60002), sdkappid (60012, 60006), identifier (60004), usersig (60005, then 70003, 70014,
/// 70013, 70009, 70001), administrator (90009, 70403), body (60002 too large, 60003 no JSON object), its members
/// (90001, 90003, 90011, 70402), Redis (90992, 70500).
struct CompatibleAPI: RouterMiddleware {
    typealias Context = PresenceAPI.Context

    let store: PresenceStore
    let app: CompatibleApp
    let bodyBytesMax: Int

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path.split(separator: "/")
        guard path.first == "v4" else { return try await next(request, context) }
        let command = CompatibleCommand(rawValue: path.dropFirst().joined(separator: "/"))
        do {
            let members = try await answer(command, request, context)
            return .compatible(members: members)
        } catch {
            let failure = CompatibleFailure(error, of: command)
            context.logger.log(
                level: failure.isOurs ? .error : .debug, "compatible call failed",
                metadata: [
                    "command": "\(command?.rawValue ?? "unknown")", "code": "\(failure.code)",
                    "error": failure.underlying.map { "\($0)" } ?? "none",
                ])
            return .compatible(code: failure.code, info: failure.info)
        }
    }

    private func answer(
        _ command: CompatibleCommand?, _ request: Request, _ context: Context
    ) async throws -> CompatibleMembers {
        guard request.method == .post || request.method == .get else {
            throw CompatibleFailure(.badRequest, "Use POST.")
        }
        guard let command else {
            let known = CompatibleCommand.allCases.map { "v4/\($0.rawValue)" }.joined(separator: ", ")
            throw CompatibleFailure(.unknownCommand, "The commands are \(known).")
        }
        try CompatibleCaller(request.uri.query ?? "").check(for: command, of: app)
        switch command {
        case .queryOnlineStatus, .queryState: return try await query(request, context)
        case .kick: return try await kick(request)
        case .accountCheck: return try await accountCheck(request)
        }
    }
}

/// What an answer has beside the outcome.
typealias CompatibleMembers = (inout JSONWriter) -> Void

extension Response {
    /// The form of every answer.
    static func compatible(code: Int = 0, info: String = "", members: CompatibleMembers = { _ in }) -> Response {
        var json = JSONWriter()
        json.object {
            $0.member("ActionStatus", code == 0 ? "OK" : "FAIL")
            $0.member("ErrorInfo", info)
            $0.member("ErrorCode", code)
            members(&$0)
        }
        return Response(
            status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: json.buffer))
    }
}
