// MPICH waits by asking its network over and over. With more ranks than cores a rank that waits so
// keeps the one that it waits for from its core, until the system steps in: milliseconds for each
// collective. This stands before the function of UCX that MPICH asks with, in the test program
// alone: a rank that has asked in vain lets others go first. An MPI without UCX never calls it.
#include <dlfcn.h>
#include <sched.h>

extern "C" unsigned ucp_worker_progress(void* worker) {
  using Progress = unsigned (*)(void*);
  static const Progress of_library =
      reinterpret_cast<Progress>(dlsym(RTLD_NEXT, "ucp_worker_progress"));
  const unsigned events = of_library(worker);
  if (events == 0) sched_yield();
  return events;
}
