import Logging
import Synchronization

/// Something strangers can cause without end, and an operator wants to hear of.
package protocol WarningKind: Hashable, Sendable {
    var message: Logger.Message { get }
}

/// Warnings of which there is at most one line a minute of each kind. A line says with `count` how often it happened
/// since the one before; what happened after the last line is told when its minute is over.
package final class PacedWarnings<Kind: WarningKind>: Sendable {
    private struct Untold {
        var count = 0
        var latest: LogMetadata = [:]
    }

    private let logger: Logger
    private let pause: Duration
    private let file: String
    /// Of the kinds that may not be told now.
    private let untold = Mutex<[Kind: Untold]>([:])

    /// - Parameters:
    ///   - pause: the least between two lines of a kind.
    ///   - file: whose module the lines are of.
    package init(_ logger: Logger, pause: Duration = .seconds(60), file: String = #fileID) {
        self.logger = logger
        self.pause = pause
        self.file = file
    }

    /// - Parameter metadata: what the line says of the latest time it happened.
    package func happened(_ kind: Kind, _ metadata: LogMetadata = [:]) {
        let isDue = untold.withLock { untold in
            guard untold[kind] != nil else {
                untold[kind] = Untold()
                return true
            }
            untold[kind]?.count += 1
            untold[kind]?.latest = metadata
            return false
        }
        guard isDue else { return }
        tell(kind, Untold(count: 1, latest: metadata))
        // Nobody waits for it; a process that ends meanwhile has one line less.
        Task { await tellLater(kind) }
    }

    private func tellLater(_ kind: Kind) async {
        while true {
            try? await Task.sleep(for: pause)
            let news = untold.withLock { untold in
                guard let news = untold[kind], news.count > 0 else {
                    untold[kind] = nil
                    return nil as Untold?
                }
                untold[kind] = Untold()
                return news
            }
            guard let news else { return }
            tell(kind, news)
        }
    }

    private func tell(_ kind: Kind, _ news: Untold) {
        let metadata = news.latest.merging([.count: "\(news.count)"]) { $1 }
        logger.warning(kind.message, metadata: .keyed(metadata), file: file)
    }
}
