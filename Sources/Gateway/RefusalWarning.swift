import Logging
import Logs

/// What is told of clients that are not let in. Not of each: whoever comes again and again must not fill the log.
enum RefusalWarning: WarningKind {
    case addressIsFull
    case badTokens
    case cannotVerify
    case invalidRequest
    case originNotAllowed
    case tooManyLogins
    case workerIsFull

    var message: Logger.Message {
        switch self {
        case .addressIsFull:
            "An address has as many clients as one may have and gets no more; see connect.sockets-per-address-max"
        case .badTokens:
            "An address shows more bad tokens than are looked at of one; a proxy needs connect.address-header"
        case .cannotVerify: "Clients ask to connect, and no token can be verified"
        case .invalidRequest: "Clients ask to connect with parameters that are missing or wrong"
        case .originNotAllowed: "Pages of an origin that is not in connect.origins ask to connect"
        case .tooManyLogins: "More clients log in than connect.rate-max lets"
        case .workerIsFull: "This worker has as many clients as it may have; see connect.sockets-max"
        }
    }
}
