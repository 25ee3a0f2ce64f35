import Logging
import Synchronization

/// How this process logs; what is changed counts for the next line.
final class LogSettings: Sendable {
    enum Format: String, Sendable, CaseIterable {
        /// For people: `<time> <level> presence: key=value [module] message`.
        case text
        /// For programs: one JSON object a line.
        case json
    }

    static let shared = LogSettings()

    private static let levels = Logger.Level.allCases

    private let levelIndex = Atomic<Int>(0)
    private let isJSON = Atomic<Bool>(false)

    init(level: Logger.Level = .info, format: Format = .text) {
        self.level = level
        self.format = format
    }

    /// The least level that is logged, unless a logger has its own.
    var level: Logger.Level {
        get { Self.levels[levelIndex.load(ordering: .relaxed)] }
        set { levelIndex.store(Self.levels.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    var format: Format {
        get { isJSON.load(ordering: .relaxed) ? .json : .text }
        set { isJSON.store(newValue == .json, ordering: .relaxed) }
    }
}
