# every file compiles by itself: no unity units and no precompiled header hide a missing include
# sources: harness reports reference_platform tests CMakeLists.txt
build no-unity Debug -DCARDSTORM_PLATFORM=ON -DCARDSTORM_TESTS=ON -DCARDSTORM_UNITY=OFF -DCMAKE_CXX_FLAGS_DEBUG=-O0
