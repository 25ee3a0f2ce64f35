import Foundation
import Logging
import Logs

/// What an operator's command did so far.
final class AuditedWork {
    var about: LogMetadata
    /// nil where there was nothing to do: that leaves no line.
    var outcome: AuditedOutcome? = .done

    init(_ about: LogMetadata) { self.about = about }
}

extension Logger {
    /// Runs a command's work, which tells what it did as it goes on: an audit line is left however that ends.
    static func audited<Result>(
        _ action: AuditedAction, _ about: LogMetadata = [:], file: String = #fileID,
        _ work: (AuditedWork) async throws -> Result
    ) async throws -> Result {
        let audited = AuditedWork(about)
        do {
            let result = try await work(audited)
            if let outcome = audited.outcome { auditCommand(action, outcome, audited.about, file: file) }
            return result
        } catch {
            auditCommand(action, .failed, audited.about, file: file)
            throw error
        }
    }

    /// The line an operator's command leaves on standard error, by whom: `ann on host-1`, the user and machine it runs as.
    private static func auditCommand(
        _ action: AuditedAction, _ outcome: AuditedOutcome, _ about: LogMetadata = [:], file: String = #fileID
    ) {
        let process = ProcessInfo.processInfo
        Logger.service(level: .notice).audit(
            action, by: "\(process.userName) on \(process.hostName)", outcome, about, file: file)
    }
}
