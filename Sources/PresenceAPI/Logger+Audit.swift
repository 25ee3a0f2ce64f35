import HTTPServer
import Logging
import Logs
import PresenceStore

extension Logger {
    /// Does what an operator ordered, and leaves the line of it, whether it went well or not.
    /// - Parameter count: how much came of it.
    func audited<Answer>(
        _ action: AuditedAction, by caller: String, _ request: HTTPServerRequest, _ about: LogMetadata,
        count: (Answer) -> Int, _ work: () async throws(StoreError) -> Answer
    ) async throws(StoreError) -> Answer {
        var about = about
        about[.requestID] = "\(request.id ?? "none")"
        do throws(StoreError) {
            let answer = try await work()
            about[.count] = "\(count(answer))"
            audit(action, by: caller, .done, about)
            return answer
        } catch {
            about[.error] = "\(error)"
            audit(action, by: caller, .failed, about)
            throw error
        }
    }
}
