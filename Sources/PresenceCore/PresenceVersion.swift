/// The version of this service, as it tells others who it is.
package enum PresenceVersion {
    package static let current = "1.0.0"
}
