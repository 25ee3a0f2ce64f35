import PresenceCore

/// What the log has to say about the receiver: one line when it begins to fail and one when it is back, however many
/// events wait. One event that always fails, among others that are delivered, is no failing receiver.
struct ReceiverHealth {
    enum Change: Equatable {
        case fails(detail: String)
        case isBack
    }

    private var failuresInARow = 0
    var isFailing: Bool { failuresInARow >= WorkerLimits.receiverFailuresMax }

    mutating func heard(_ outcome: DeliveryOutcome) -> Change? {
        switch outcome {
        case .retry(_, let detail):
            failuresInARow += 1
            return failuresInARow == WorkerLimits.receiverFailuresMax ? .fails(detail: detail) : nil
        case .delivered, .refused:
            defer { failuresInARow = 0 }
            return isFailing ? .isBack : nil
        }
    }
}
