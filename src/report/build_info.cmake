# Run at build time: writes build_info.cpp anew only when the commit changed, so that nothing is compiled without need.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --match=NeverMatch
  OUTPUT_VARIABLE TAILCUBE_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR NOT TAILCUBE_COMMIT)
  set(TAILCUBE_COMMIT unknown)
endif()
configure_file(${SOURCE_DIR}/src/report/build_info.cpp.in ${OUTPUT} @ONLY)
