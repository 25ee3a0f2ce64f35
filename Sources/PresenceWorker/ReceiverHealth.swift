import PresenceCore

/// What the log has to say about the receiver: one line when it begins to fail and one when it is back, however many
/// events wait. It fails when several events in a row are not delivered: one that always fails is no failing receiver.
struct ReceiverHealth {
    enum Change: Equatable {
        case fails(detail: String)
        case isBack
    }

    /// Ids of events that failed since one was answered.
    private var failed: Set<String> = []
    var isFailing: Bool { failed.count >= WorkerLimits.receiverFailuresMax }

    mutating func heard(_ outcome: DeliveryOutcome, of id: String) -> Change? {
        switch outcome {
        case .retry(_, let detail):
            guard !isFailing else { return nil }
            failed.insert(id)
            return isFailing ? .fails(detail: detail) : nil
        case .delivered, .refused:
            defer { failed = [] }
            return isFailing ? .isBack : nil
        }
    }
}
