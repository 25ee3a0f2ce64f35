/// Why a usersig does not count. The message is safe to show and says what to do.
package struct UserSigError: Error, Sendable, Equatable {
    /// The raw value is the published error code.
    package enum Code: Int, Sendable, CaseIterable {
        case expired = 70001
        case unreadable = 70003
        case verificationFailed = 70009
        case identifierDiffers = 70013
        case sdkAppIDDiffers = 70014
    }

    package let code: Code

    package var message: String {
        switch code {
        case .expired: "The usersig has expired; issue a new one."
        case .unreadable: "The usersig is not one of TLSSigAPI v2 or was cut; send it whole."
        case .verificationFailed:
            "The usersig was not signed with this app's key, or is dated in the future; check the key and the clock."
        case .identifierDiffers: "The usersig was issued to another identifier; issue one to this identifier."
        case .sdkAppIDDiffers: "The usersig was issued for another sdkappid; issue one for this app."
        }
    }

    init(_ code: Code) { self.code = code }
}
