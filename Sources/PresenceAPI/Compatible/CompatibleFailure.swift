import UserSig

/// A failed call as the caller is told about it. Everything but `underlying` is safe to show.
struct CompatibleFailure: Error {
    let code: Int
    /// What is wrong and what to do about it, as a sentence.
    let info: String
    /// The service failed, and repeating the call will not help.
    private(set) var isOurs = false
    /// For the log only.
    private(set) var underlying: (any Error)?

    init(_ code: CompatibleCode, _ info: String) {
        self.init(code: code.rawValue, info: info)
    }

    private init(code: Int, info: String) {
        self.code = code
        self.info = info
    }

    /// Whatever a command threw.
    init(_ error: any Error, of command: CompatibleCommand?) {
        switch error {
        case let error as CompatibleFailure:
            self = error
        case let error as UserSigError:
            self.init(code: error.code.rawValue, info: error.message)
        default:
            let problem = Problem(error)
            self.init(Self.code(of: problem, in: command), problem.detail)
            isOurs = problem.code == .internalError
            underlying = problem.underlying
        }
    }

    private static func code(of problem: Problem, in command: CompatibleCommand?) -> CompatibleCode {
        switch problem.code {
        case .invalidJSON: .notJSON
        case .invalidField: command?.unacceptable(problem.field ?? "") ?? .badRequest
        case .bodyTooLarge: .badRequest
        default: command?.failed ?? .badRequest
        }
    }
}
