// ports: free TCP ports on loopback that stay free for us while nobody listens on them.
#pragma once

#include <set>

namespace platform::ops {

class Ports {
 public:
  /// Never the same twice, and below the kernel's range for outgoing connections, else one of these could take the port
  /// of a node that is just restarting. Throws EnvironmentError when none is free.
  int take();
  /// This one. Throws EnvironmentError when somebody listens on it.
  void take(int port);

 private:
  int find() const;
  std::set<int> taken_;
};

}  // namespace platform::ops
