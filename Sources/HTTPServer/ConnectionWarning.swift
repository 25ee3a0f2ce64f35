import Logging
import Logs

/// What strangers can do to the connections of a server.
enum ConnectionWarning: WarningKind {
    case networkIsFull

    var message: Logger.Message { "An address holds nine tenths of the connections and gets no more" }
}
