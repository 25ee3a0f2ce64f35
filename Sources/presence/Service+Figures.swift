import Gateway
import PresenceAPI
import PresenceCore
import Telemetry

/// The figures of the whole worker.
extension Service {
    /// Has those told that no part of the service knows.
    func watch(readiness: @escaping @Sendable () -> Readiness) {
        instruments.watchProcess()
        instruments.whenAsked {
            [
                Reading(.backlogLimit, is: configuration.eventsBacklogMax),
                Reading(.socketsLimit, is: configuration.connect.socketsMax),
                Reading(.build, PresenceVersion.current, is: 1), Reading(.ready, is: readiness().reasons.isEmpty),
                Reading(.logLinesDropped, is: LogOutput.standardError.droppedLines),
            ]
        }
    }
}
